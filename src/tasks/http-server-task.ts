import { once } from "node:events";
import { Server, type ListenOptions } from "node:net";
import type { Clock } from "../clock";
import { formatDuration, parseDuration, type Duration } from "../duration";
import { OstinatoError } from "../errors";
import { readOpenOptions, refuse } from "../validate";
import { followConnections } from "./connections";
import { clockOf, completeContext, compose, type ComposedTask } from "./context";
import { settledOrAborted, settledWithin } from "./wait";

/** What `server.listen()` takes (`port`, `host`, `path`, …), and how to end. */
export interface HttpServerTaskOptions extends ListenOptions {
  /** How long requests in flight may take once the server was asked to end; default `"25s"`. */
  shutdownTimeout?: Duration;
  /** What that time is measured with; default: the clock of the context. */
  clock?: Clock;
}

/**
 * Listens until the signal is aborted. Then new connections are refused, idle ones are closed, and requests in flight
 * are answered; what is not by `shutdownTimeout` is cut, with ERR_SHUTDOWN_DEADLINE (T8). Takes a server of node:http,
 * node:https or node:net. Without `port`, `path` or `fd` the port is read from the environment variable PORT.
 *
 * A server that cannot listen, or fails later, fails the task with the server's error. Inside `main`, give that a
 * `shutdownTimeout` as long as this one.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function httpServerTask(server: Server, listenOptions: HttpServerTaskOptions = {}): ComposedTask {
  if (!(server instanceof Server))
    refuse("httpServerTask: server", "a server of node:http, node:https or node:net", server);
  const {
    shutdownTimeout: givenTimeout = "25s",
    clock: ownClock,
    ...where
  } = readOpenOptions("httpServerTask: listenOptions", listenOptions);
  const shutdownTimeout = parseDuration("httpServerTask: shutdownTimeout", givenTimeout);

  const run = async (given?: Parameters<ComposedTask>[0]) => {
    const clock = ownClock ?? clockOf(given ?? {});
    const { signal, logger } = completeContext(given, clock);
    if (signal.aborted) return;
    const connections = followConnections(server);
    try {
      if (!server.listening) await listen(server, where);
      logger.info({ address: server.address() }, "listening");
      const closed = once(server, "close");
      await settledOrAborted(closed, signal);
      if (!signal.aborted) {
        await closed;
        return;
      }

      refuseConnections(server);
      connections.drain();
      if (await settledWithin(clock, shutdownTimeout, closed)) {
        await closed;
        return;
      }
      const message = `${String(connections.open())} connections of httpServerTask were cut after ${formatDuration(shutdownTimeout)}`;
      connections.destroy();
      await closed;
      throw new OstinatoError("ERR_SHUTDOWN_DEADLINE", message);
    } finally {
      if (server.listening) refuseConnections(server);
      connections.destroy();
      connections.release();
    }
  };
  return compose("httpServerTask", [], run);
}

/** An HTTP server's own `close()` would also cut answers that are still being read. */
function refuseConnections(server: Server): void {
  Server.prototype.close.call(server);
}

async function listen(server: Server, where: ListenOptions): Promise<void> {
  const named = where.port !== undefined || where.path !== undefined || (where as { fd?: number }).fd !== undefined;
  const address = named ? where : { ...where, port: portOfEnvironment() };
  const refused = new AbortController();
  const listening = once(server, "listening", { signal: refused.signal });
  try {
    server.listen(address);
  } catch (error) {
    listening.catch(() => undefined);
    refused.abort();
    throw error;
  }
  await listening;
}

function portOfEnvironment(): number {
  const given = process.env["PORT"];
  const port = Number(given);
  if (given === undefined || !/^\d+$/.test(given) || port > 65_535) {
    refuse("PORT", "a port number in this environment variable, or a port in the listen options", given);
  }
  return port;
}
