import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  connect,
  createServer as createNetServer,
  type AddressInfo,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import type { OstinatoError } from "../../src/errors";
import { bindClock } from "../../src/task";
import { httpServerTask, type HttpServerTaskOptions } from "../../src/tasks/http-server-task";
import { deferred, rejection, settle } from "./support";

const host = "127.0.0.1";

/** Runs the task on a free port of a virtual clock. */
async function serve(server: NetServer, options: HttpServerTaskOptions = {}) {
  const clock = virtualClock({ start: new Date(0) });
  const controller = new AbortController();
  const listening = once(server, "listening");
  const context = bindClock({ signal: controller.signal }, clock);
  const ended = httpServerTask(server, { host, port: 0, ...options })(context);
  await listening;
  const { port } = server.address() as AddressInfo;
  return { clock, controller, ended, port };
}

async function answerOf(port: number, agent?: Agent): Promise<{ response: IncomingMessage; body: string }> {
  const request = get({ host, port, ...(agent === undefined ? { agent: false } : { agent }) });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { response, body };
}

/** A server whose answers the test gives. */
function askedServer() {
  const asked = deferred<ServerResponse>();
  const server = createServer((_request, response) => asked.resolve(response));
  return { server, asked: asked.promise };
}

test("a request in flight is answered after the abort while new connections are refused", async () => {
  const { server, asked } = askedServer();
  const { clock, controller, ended, port } = await serve(server);
  const answer = answerOf(port);
  const response = await asked;
  controller.abort();
  const refused = (await rejection(answerOf(port))) as NodeJS.ErrnoException;
  assert.is(refused.code, "ECONNREFUSED");
  response.end("still here");
  assert.is((await answer).body, "still here");
  await ended;
  assert.is(clock.pending(), 0);
});

test("an answer that is written but not yet read is not cut short", async () => {
  const size = 20_000_000;
  const { server, asked } = askedServer();
  const { controller, ended, port } = await serve(server);
  const client = connect(port, host);
  client.write("GET / HTTP/1.1\r\nhost: here\r\n\r\n");
  const response = await asked;
  response.end(Buffer.alloc(size, "x"));
  await once(client, "readable");
  controller.abort();
  let read = 0;
  for await (const chunk of client) read += (chunk as Buffer).length;
  assert.ok(read >= size, `${String(read)} bytes`);
  await ended;
});

test("idle keep-alive connections are closed at once, busy ones after their answer", async () => {
  const held = deferred<ServerResponse>();
  const server = createServer((request, response) => {
    if (request.url === "/held") held.resolve(response);
    else response.end("first");
  });
  const { clock, controller, ended, port } = await serve(server);
  const agent = new Agent({ keepAlive: true });
  const connected = once(server, "connection");
  await answerOf(port, agent);
  const [idle] = (await connected) as [Socket];
  const busy = connect(port, host);
  busy.write("GET /held HTTP/1.1\r\nhost: here\r\n\r\n");
  const answer = await held.promise;
  assert.not.ok(idle.destroyed);
  const idleClosed = once(idle, "close");
  controller.abort();
  await idleClosed;
  answer.end("second");
  let text = "";
  for await (const chunk of busy) text += String(chunk);
  assert.match(text, /connection: close/i);
  assert.match(text, /second/);
  await ended;
  agent.destroy();
  assert.is(clock.pending(), 0);
});

test("what is still open at the deadline is cut, with ERR_SHUTDOWN_DEADLINE", async () => {
  const { server, asked } = askedServer();
  const { clock, controller, ended, port } = await serve(server);
  const cut = rejection(answerOf(port));
  const failed = rejection(ended);
  await asked;
  controller.abort();
  await clock.advance(24_999);
  assert.is(server.listening, false);
  await clock.advance(1);
  assert.is(((await cut) as NodeJS.ErrnoException).code, "ECONNRESET");
  const error = (await failed) as OstinatoError;
  assert.is(error.code, "ERR_SHUTDOWN_DEADLINE");
  assert.is(error.message, "1 connections of httpServerTask were cut after 25s");
});

test("an upgraded connection lives until it ends by itself", async () => {
  const server = createServer();
  server.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  const { controller, ended, port } = await serve(server);
  const client = connect(port, host);
  client.write("GET / HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  await once(client, "data");
  controller.abort();
  client.write("still there?");
  const [echo] = (await once(client, "data")) as [Buffer];
  assert.is(String(echo), "still there?");
  client.end();
  await ended;
});

test("a plain net server's connections are waited for", async () => {
  const accepted = deferred();
  const server = createNetServer((socket) => {
    accepted.resolve();
    socket.pipe(socket);
  });
  const { controller, ended, port } = await serve(server);
  const client = connect(port, host);
  await accepted.promise;
  controller.abort();
  client.end("bye");
  const [echo] = (await once(client, "data")) as [Buffer];
  assert.is(String(echo), "bye");
  await ended;
});

test("an address in use fails the task with the server's error, and nothing stays behind", async () => {
  const taken = createServer();
  taken.listen(0, host);
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const server = createServer();
  const listeners = () =>
    ["error", "listening", "close", "connection", "request"].map((name) => server.listenerCount(name));
  const before = listeners();
  const error = await rejection(httpServerTask(server, { host, port })());
  assert.is((error as NodeJS.ErrnoException).code, "EADDRINUSE");
  const again = await rejection(httpServerTask(server, { host, port: 70_000 })());
  assert.is((again as NodeJS.ErrnoException).code, "ERR_SOCKET_BAD_PORT");
  assert.equal(listeners(), before);
  taken.close();
  await once(taken, "close");
});

test("without a port PORT is read from the environment, and refused when it is none", async () => {
  const before = process.env["PORT"];
  try {
    process.env["PORT"] = "0";
    const server = createServer((_request, response) => response.end("hello"));
    const controller = new AbortController();
    const listening = once(server, "listening");
    const ended = httpServerTask(server, { host })({ signal: controller.signal });
    await listening;
    const { port, address } = server.address() as AddressInfo;
    assert.is(address, host);
    assert.is((await answerOf(port)).body, "hello");
    controller.abort();
    await ended;
    for (const given of ["http", "70000", "-1", ""]) {
      process.env["PORT"] = given;
      const error = (await rejection(httpServerTask(createServer())())) as OstinatoError;
      assert.is(error.code, "ERR_INVALID_OPTION");
      assert.match(error.message, /^PORT: /);
    }
  } finally {
    if (before === undefined) delete process.env["PORT"];
    else process.env["PORT"] = before;
  }
});

test("a server that already listens is taken as it is, and can be served again afterwards", async () => {
  const server: Server = createServer((_request, response) => response.end("hello"));
  server.listen(0, host);
  await once(server, "listening");
  const controller = new AbortController();
  const ended = httpServerTask(server)({ signal: controller.signal });
  assert.is((await answerOf((server.address() as AddressInfo).port)).body, "hello");
  controller.abort();
  await ended;
  const again = await serve(server);
  assert.is((await answerOf(again.port)).body, "hello");
  again.controller.abort();
  await again.ended;
  assert.is(server.listenerCount("request"), 1);
});

test("a server that is closed by somebody else ends the task", async () => {
  const server = createServer();
  const { ended } = await serve(server);
  server.close();
  await ended;
});

test("a server that fails later fails the task and is closed", async () => {
  const server = createServer();
  const { ended } = await serve(server);
  await settle();
  const boom = new Error("boom");
  server.emit("error", boom);
  assert.is(await rejection(ended), boom);
  assert.not.ok(server.listening);
});

test("something that is no server is refused", () => {
  assert.throws(() => httpServerTask({} as never), /^httpServerTask: server: /);
  assert.throws(() => httpServerTask(createServer(), 80 as never), /^httpServerTask: listenOptions: /);
  assert.throws(() => httpServerTask(createServer(), { shutdownTimeout: 0 }), /^httpServerTask: shutdownTimeout: /);
});

test.run();
