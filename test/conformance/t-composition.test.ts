import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  concurrence,
  createRuntime,
  daily,
  httpServerTask,
  ignoreError,
  interval,
  main,
  onError,
  sequence,
  withRepeat,
  withShutdown,
  withSignalNotify,
  type OstinatoError,
  type Task,
} from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { freePort } from "../helpers/ports";

const logger = pino({ level: "silent" });
const boom = new Error("boom");

/** Throws the reason once the signal is aborted. */
const untilAborted: Task = async ({ signal }) => {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason;
};

/** Fails with an error of its own that merely wraps the abort. */
const wrapsAbort: Task = async (context) => {
  try {
    await untilAborted(context);
  } catch (cause) {
    throw new Error("half written", { cause });
  }
};

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

test("T1 sequence: none resolves; order is kept; the first error ends it as it is; not continued after an abort", async () => {
  await sequence()();
  const seen: number[] = [];
  const add = (value: number) => () => seen.push(value);
  const failing = sequence(add(1), add(2), () => Promise.reject(boom), add(3));
  assert.is(await rejection(failing()), boom);
  const controller = new AbortController();
  await sequence(add(4), () => controller.abort(), add(5))({ signal: controller.signal });
  assert.equal(seen, [1, 2, 4]);
});

test("T2 concurrence: one failure aborts the others and waits for all; several become an AggregateError that names them", async () => {
  await concurrence()();
  let ended = false;
  const cleansUp: Task = async ({ signal }) => {
    await once(signal, "abort");
    await Promise.resolve();
    ended = true;
  };
  assert.is(await rejection(concurrence(cleansUp, untilAborted, () => Promise.reject(boom))()), boom);
  assert.ok(ended);

  function ingest() {
    throw boom;
  }
  const error = (await rejection(concurrence(ingest, wrapsAbort, untilAborted)())) as AggregateError;
  assert.instance(error, AggregateError);
  assert.is(error.errors.length, 2);
  assert.match(error.message, /ingest: boom/);
  assert.match(error.message, /wrapsAbort: half written/);
});

test("T2 concurrence: tasks run truly at once; abort errors are not reported; one task behaves as many do", async () => {
  let meet!: () => void;
  const met = new Promise<void>((resolve) => (meet = resolve));
  await concurrence(() => met, meet)();
  for (const tasks of [[untilAborted], [untilAborted, untilAborted]]) {
    const controller = new AbortController();
    const done = concurrence(...tasks)({ signal: controller.signal });
    controller.abort();
    await done;
  }
});

test("T3 main: no tasks give 0; a signal or the caller's abort ends gracefully with 0", async () => {
  assert.is(await main(), 0);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    const code = main({ logger }, untilAborted);
    process.emit(name, name);
    assert.is(await code, 0);
  }
  const controller = new AbortController();
  const code = main({ logger, signal: controller.signal }, untilAborted);
  controller.abort();
  assert.is(await code, 0);
});

test("T3 main: a failure gives 1, and so does a real error after the abort", async () => {
  assert.is(await main({ logger }, untilAborted, () => Promise.reject(boom)), 1);
  const code = main({ logger }, wrapsAbort);
  process.emit("SIGTERM", "SIGTERM");
  assert.is(await code, 1);
});

test("T3 main: a second signal ends at once; a stuck task ends at the deadline with an error naming it", async () => {
  const clock = virtualClock({ start: new Date(0) });
  const lines: string[] = [];
  const exits: number[] = [];
  function stuck() {
    return new Promise(() => undefined);
  }
  const options = {
    clock,
    logger: pino({}, { write: (line: string) => lines.push(line) }),
    exit: (code: number) => void exits.push(code),
  };
  const code = main(options, stuck);
  process.emit("SIGTERM", "SIGTERM");
  assert.equal(exits, []);
  process.emit("SIGTERM", "SIGTERM");
  assert.equal(exits, [143]);
  await clock.advance("10s");
  assert.is(await code, 1);
  assert.match(lines.at(-1) ?? "", /stuck did not end within 10s/);
});

test("T3 main: a runtime is a task too", async () => {
  const controller = new AbortController();
  const runtime = createRuntime({ logger });
  const started = new Promise<void>((resolve) => {
    runtime.spawn({ name: "poll", schedule: interval("1h"), run: () => resolve() });
  });
  const code = main({ logger, signal: controller.signal }, runtime.task());
  await started;
  controller.abort();
  assert.is(await code, 0);
});

test("T4 withShutdown: after the abort stop has an unaborted signal for the timeout, and start is awaited too", async () => {
  const controller = new AbortController();
  const seen: string[] = [];
  const start: Task = async ({ signal }) => {
    await once(signal, "abort");
    await new Promise((resolve) => setImmediate(resolve));
    seen.push("start ended");
  };
  const stop: Task = async ({ signal }) => {
    seen.push(`stop called, ${signal.aborted ? "aborted" : "not aborted"}`);
    await once(signal, "abort");
    seen.push("timeout");
  };
  const done = withShutdown(start, stop, { timeout: "50ms" })({ signal: controller.signal });
  controller.abort();
  await done;
  assert.equal(seen, ["stop called, not aborted", "start ended", "timeout"]);
});

test("T4 withShutdown: the timeout is 25 s by default", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  let lasted = NaN;
  const stop: Task = async ({ signal }) => {
    const begun = clock.monotonic();
    await once(signal, "abort");
    lasted = clock.monotonic() - begun;
  };
  const done = withShutdown(untilAborted, stop, { clock })({ signal: controller.signal });
  controller.abort();
  await clock.advance("30s");
  await done;
  assert.is(lasted, 25_000);
});

test("T4 withShutdown: start's error is thrown without stop; an ended start is stopped; errors of both surface", async () => {
  let stops = 0;
  const stop = () => (stops += 1);
  assert.is(await rejection(withShutdown(() => Promise.reject(boom), stop)()), boom);
  assert.is(stops, 0);
  await withShutdown(() => undefined, stop)();
  assert.is(stops, 1);
  const controller = new AbortController();
  const late = rejection(withShutdown(wrapsAbort, () => Promise.reject(boom))({ signal: controller.signal }));
  controller.abort();
  const { errors } = (await late) as AggregateError;
  assert.is(errors.length, 2);
  assert.ok(errors.includes(boom));
});

test("T5 withRepeat: an interval runs at once and then after each hour; daily waits for its time", async () => {
  const clock = virtualClock({ start: new Date("2024-03-01T10:00:00Z") });
  const controller = new AbortController();
  const { signal } = controller;
  const hourly: string[] = [];
  const noon: string[] = [];
  const at = (list: string[]) => () => list.push(new Date(clock.now()).toISOString().slice(11, 16));
  const done = Promise.all([
    withRepeat(interval("1h"), at(hourly), { clock })({ signal }),
    withRepeat(daily({ hour: 12, timeZone: "UTC" }), at(noon), { clock })({ signal }),
  ]);
  await clock.advance("1h");
  assert.equal(hourly, ["10:00", "11:00"]);
  assert.equal(noon, []);
  await clock.advance("1h");
  assert.equal(hourly, ["10:00", "11:00", "12:00"]);
  assert.equal(noon, ["12:00"]);
  controller.abort();
  await done;
  assert.is(clock.pending(), 0);
});

test("T5 withRepeat: an error ends it", async () => {
  assert.is(await rejection(withRepeat(interval("1h"), () => Promise.reject(boom))()), boom);
});

test("T6 withSignalNotify: exactly the given signals, no listener afterwards, a wrapped abort is kept", async () => {
  const count = () => [process.listenerCount("SIGUSR2"), process.listenerCount("SIGTERM")];
  const before = count();
  const done = withSignalNotify(untilAborted, ["SIGUSR2"])();
  assert.equal(count(), [Number(before[0]) + 1, before[1]]);
  process.emit("SIGUSR2", "SIGUSR2");
  await done;
  assert.equal(count(), before);
  const wrapped = rejection(withSignalNotify(wrapsAbort)());
  process.emit("SIGTERM", "SIGTERM");
  assert.is(((await wrapped) as Error).message, "half written");
});

test("T7 onError: not called for success or abort; its return replaces the error", async () => {
  let calls = 0;
  const handler = () => {
    calls += 1;
    return new Error("replaced");
  };
  await onError(() => undefined, handler)();
  await rejection(onError(untilAborted, handler)({ signal: AbortSignal.abort() }));
  assert.is(calls, 0);
  assert.is(((await rejection(onError(() => Promise.reject(boom), handler)())) as Error).message, "replaced");
  await onError(
    () => Promise.reject(boom),
    () => undefined,
  )();
});

test("T7 ignoreError: none listed ignores all, else those matched by class, code or cause chain", async () => {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const wrapped = new TypeError("cannot poll", { cause: refused });
  const fails = () => Promise.reject(wrapped);
  await ignoreError(fails)();
  await ignoreError(fails, TypeError)();
  await ignoreError(fails, "ECONNREFUSED")();
  await ignoreError(fails, refused)();
  assert.is(await rejection(ignoreError(fails, RangeError, "ENOENT", boom)()), wrapped);
});

test("T8 httpServerTask: a request in flight survives the abort, new connections are refused, PORT is read", async () => {
  const port = await freePort();
  const before = process.env["PORT"];
  process.env["PORT"] = String(port);
  const controller = new AbortController();
  const server = createServer();
  const listening = once(server, "listening");
  const done = httpServerTask(server, { host: "127.0.0.1" })({ signal: controller.signal });
  await listening;
  if (before === undefined) delete process.env["PORT"];
  else process.env["PORT"] = before;

  assert.is((server.address() as AddressInfo).port, port);
  const address = { host: "127.0.0.1", port, agent: false } as const;
  const asked = once(server, "request");
  const answered = once(get(address), "response");
  const [, response] = (await asked) as [IncomingMessage, ServerResponse];
  controller.abort();
  const [refused] = (await once(get(address), "error")) as [NodeJS.ErrnoException];
  assert.is(refused.code, "ECONNREFUSED");
  response.end("still here");
  const [answer] = (await answered) as [IncomingMessage];
  let body = "";
  for await (const chunk of answer) body += String(chunk);
  assert.is(body, "still here");
  await done;
});

test("T8 httpServerTask: at the deadline a request that is still in flight is cut", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  const server = createServer();
  const listening = once(server, "listening");
  const done = rejection(httpServerTask(server, { host: "127.0.0.1", port: 0, clock })({ signal: controller.signal }));
  await listening;
  const asked = once(server, "request");
  const { port } = server.address() as AddressInfo;
  const cut = once(get({ host: "127.0.0.1", port, agent: false }), "error");
  await asked;
  controller.abort();
  await clock.advance("24s");
  assert.is(await Promise.race([done, Promise.resolve("waits")]), "waits");
  await clock.advance("1s");
  assert.is(((await done) as OstinatoError).code, "ERR_SHUTDOWN_DEADLINE");
  await cut;
});

test.run();
