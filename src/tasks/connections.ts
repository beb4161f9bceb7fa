import { Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { Server, Socket } from "node:net";

/**
 * Knows which connections of a server are answering something. Node's own `closeIdleConnections()`, which an HTTP
 * server's `close()` calls, takes an answer for finished once it is written to the buffer, and cuts it short when the
 * client reads slowly.
 */
export interface Connections {
  /** How many are open. */
  open(): number;
  /** Closes each connection as soon as it answers nothing; at once where that is so now. */
  drain(): void;
  /** Closes all, whatever they do. */
  destroy(): void;
  /** Removes what was listened with. */
  release(): void;
}

/** Follows the connections of a net, http or https server. On a plain net server each is busy until it ends by itself. */
export function followConnections(server: Server): Connections {
  const open = new Set<Socket>();
  const answering = new Map<Socket, Set<ServerResponse>>();
  const detached = new WeakSet<Socket>();
  let draining = false;

  const closeIfIdle = (socket: Socket) => {
    if (draining && !detached.has(socket) && answering.get(socket)?.size === 0) socket.destroySoon();
  };
  const opened = (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  };
  const ready = (socket: Socket) => {
    if (answering.has(socket)) return;
    answering.set(socket, new Set());
    socket.once("close", () => answering.delete(socket));
    closeIfIdle(socket);
  };
  const requested = (request: IncomingMessage, response: ServerResponse) => {
    ready(request.socket);
    const answers = answering.get(request.socket);
    answers?.add(response);
    response.once("close", () => {
      answers?.delete(response);
      closeIfIdle(request.socket);
    });
    if (draining) askToClose(response);
  };
  const upgraded = (_request: IncomingMessage, socket: Socket) => {
    detached.add(socket);
  };

  type Listener = (...parameters: never[]) => void;
  const listeners: [event: string, listener: Listener][] = [["connection", opened]];
  if (server instanceof HttpServer || server instanceof HttpsServer) {
    listeners.push([server instanceof HttpsServer ? "secureConnection" : "connection", ready], ["request", requested]);
    // Listening to these at all changes what Node does with such a request.
    for (const event of ["checkContinue", "checkExpectation"]) {
      if (server.listenerCount(event) > 0) listeners.push([event, requested]);
    }
    for (const event of ["upgrade", "connect"]) {
      if (server.listenerCount(event) > 0) listeners.push([event, upgraded]);
    }
  }
  for (const [event, listener] of listeners) server.prependListener(event, listener as (...args: unknown[]) => void);

  return {
    open: () => open.size,
    drain() {
      draining = true;
      for (const [socket, answers] of answering) {
        answers.forEach(askToClose);
        closeIfIdle(socket);
      }
    },
    destroy() {
      for (const socket of open) socket.destroy();
    },
    release() {
      for (const [event, listener] of listeners) server.removeListener(event, listener as (...args: unknown[]) => void);
    },
  };
}

function askToClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}
