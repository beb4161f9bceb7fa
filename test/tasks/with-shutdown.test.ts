import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import type { OstinatoError } from "../../src/errors";
import type { TaskContext } from "../../src/task";
import { withShutdown } from "../../src/tasks/with-shutdown";
import { deferred, rejection, settle, untilAborted } from "./support";

function fixture() {
  const controller = new AbortController();
  return { clock: virtualClock({ start: new Date(0) }), controller, signal: controller.signal };
}

test("after the abort stop is called with a fresh signal, and start is awaited too", async () => {
  const { clock, controller, signal } = fixture();
  const last = deferred();
  const seen: string[] = [];
  const ended = withShutdown(
    async (context) => {
      await untilAborted(context).catch(() => seen.push("asked"));
      await last.promise;
      seen.push("start ended");
    },
    (context) => {
      assert.not.ok(context.signal.aborted);
      seen.push("stop called");
    },
    { clock },
  )({ signal }).then(() => seen.push("ended"));
  await settle();
  controller.abort();
  await settle();
  assert.equal([...seen].sort(), ["asked", "stop called"]);
  last.resolve();
  await ended;
  assert.equal(seen.slice(2), ["start ended", "ended"]);
  assert.is(clock.pending(), 0);
});

test("stop's signal lasts for the timeout, 25s by default; a stop that ends with it is no error", async () => {
  const { clock, controller, signal } = fixture();
  let stopSignal: AbortSignal | undefined;
  const stop = async (context: TaskContext) => {
    stopSignal = context.signal;
    await untilAborted(context).catch(() => undefined);
  };
  const ended = withShutdown(untilAborted, stop, { clock })({ signal });
  controller.abort();
  await clock.advance(24_999);
  assert.is(stopSignal?.aborted, false);
  await clock.advance(1);
  assert.is(stopSignal?.aborted, true);
  await ended;
});

test("start's error is thrown and stop is not called", async () => {
  const boom = new Error("boom");
  let stopped = false;
  const failed = withShutdown(
    () => Promise.reject(boom),
    () => (stopped = true),
  )();
  assert.is(await rejection(failed), boom);
  assert.not.ok(stopped);
});

test("when start ends by itself stop is called, and its error is thrown", async () => {
  const boom = new Error("boom");
  const failed = withShutdown(
    () => undefined,
    () => Promise.reject(boom),
  )();
  assert.is(await rejection(failed), boom);
});

test("errors of both surface", async () => {
  const { clock, controller, signal } = fixture();
  const errors = [new Error("late"), new Error("stuck valve")];
  const failed = rejection(
    withShutdown(
      (context) => untilAborted(context).catch(() => Promise.reject(errors[0])),
      () => Promise.reject(errors[1]),
      { clock },
    )({ signal }),
  );
  controller.abort();
  const error = (await failed) as AggregateError;
  assert.instance(error, AggregateError);
  assert.equal(new Set(error.errors), new Set(errors));
  assert.match(error.message, /start: late/);
  assert.match(error.message, /stop: stuck valve/);
});

test("what ignores the deadline is given up and named", async () => {
  const { clock, controller, signal } = fixture();
  function consume() {
    return new Promise(() => undefined);
  }
  const failed = rejection(withShutdown(consume, () => undefined, { clock, timeout: "3s" })({ signal }));
  controller.abort();
  await clock.advance("4s");
  const error = (await failed) as OstinatoError;
  assert.is(error.code, "ERR_SHUTDOWN_DEADLINE");
  assert.is(error.message, "consume did not end within 3s of being asked to");
});

test("under an aborted signal neither is called", async () => {
  let calls = 0;
  await withShutdown(
    () => (calls += 1),
    () => (calls += 1),
  )({ signal: AbortSignal.abort() });
  assert.is(calls, 0);
});

test("durations that make no sense are refused", () => {
  assert.throws(
    () =>
      withShutdown(
        () => undefined,
        () => undefined,
        { timeout: NaN },
      ),
    /^withShutdown: timeout: /,
  );
});

/** A server on a free port, and how often it was asked something. */
function webServer(): { server: Server; port: () => number } {
  const server = createServer((_request, response) => response.end("hello"));
  return { server, port: () => (server.address() as AddressInfo).port };
}

test("T4 a start that returned a server is waited for until the server has closed", async () => {
  const controller = new AbortController();
  const { server, port } = webServer();
  let stops = 0;
  let hasEnded = false;
  const ended = withShutdown(
    () => server.listen(0, "127.0.0.1"),
    () => {
      stops += 1;
      return server.close();
    },
  )({ signal: controller.signal }).finally(() => (hasEnded = true));
  await once(server, "listening");
  const answer = await fetch(`http://127.0.0.1:${String(port())}/`, { headers: { connection: "close" } });
  assert.is(await answer.text(), "hello");
  await settle();
  assert.not.ok(hasEnded);
  assert.is(stops, 0);
  controller.abort();
  await ended;
  assert.is(stops, 1);
  assert.not.ok(server.listening);
});

test("T4 a server that cannot listen fails the task, and one that closes by itself ends it", async () => {
  const { server: taken, port } = webServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { server } = webServer();
  const start = (): Server => server.listen(port(), "127.0.0.1");
  const error = (await rejection(withShutdown(start, () => server.close())())) as NodeJS.ErrnoException;
  assert.is(error.code, "EADDRINUSE");
  let stops = 0;
  const ended = withShutdown(
    async () => Promise.resolve(taken),
    () => void (stops += 1),
  )();
  await settle();
  taken.close();
  await ended;
  assert.is(stops, 1);
});

test.run();
