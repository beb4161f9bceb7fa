import * as ostinato from "ostinato";
import { createInspector } from "ostinato/inspector";
import * as testing from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();
const fail = (): never => {
  throw new TypeError("read by a stranger");
};
const traps = ["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor"];
const values: Record<string, unknown> = {
  null: null,
  undefined,
  "an object without prototype": Object.create(null),
  "an object whose fields throw": Object.defineProperty({}, "name", { get: fail, enumerable: true }),
  "a revoked Proxy": revoked,
  "a Proxy that throws": new Proxy({}, Object.fromEntries(traps.map((trap) => [trap, fail]))),
  "a Proxy of a function": new Proxy(() => undefined, Object.fromEntries(traps.map((trap) => [trap, fail]))),
  "an array": [],
  "a function": () => undefined,
  "a symbol": Symbol("s"),
  "a BigInt": 10n ** 5_000n,
  NaN,
  "a number": 7,
  "a text": "text",
  true: true,
};

const clock = testing.virtualClock();
const logger = pino({ level: "silent" });
const task = (): undefined => undefined;
const hourly = ostinato.interval("1h");
const runtime = ostinato.createRuntime({ clock, logger });
const { null: nothing, ...others } = values;

type Call = (value: never) => unknown;
const ofOptions = (names: readonly string[], call: (options: never) => unknown): [string, Call][] =>
  names.map((name) => [name, (value) => call({ [name]: value } as never)]);
let count = 0;
const spawn = (options: object): unknown =>
  runtime.spawn({ name: `task ${String(count++)}`, schedule: hourly, run: task, ...options });

/** Every function that is public, at each of its arguments, and its options one by one. */
const calls: [string, Call][] = [
  ["createRuntime()", (value) => ostinato.createRuntime(value)],
  ...ofOptions(
    [
      "store",
      "logger",
      "clock",
      "inspect",
      "nodeId",
      "shutdownTimeout",
      "lease",
      "label",
      "surviveUnhandledRejections",
    ],
    (options) => ostinato.createRuntime(options),
  ),
  ["spawn()", (value) => runtime.spawn(value)],
  ...ofOptions(
    [
      ...["name", "schedule", "run", "timeout", "minCycle", "maxCycle", "retry", "exclusive", "lease", "misfire"],
      ...["misfireLimit", "misfireMaxAge", "spread", "jitter", "restart", "shutdown", "significant"],
    ],
    spawn,
  ),
  ["supervise()", (value) => runtime.supervise(value)],
  ["supervise() child", (value) => runtime.supervise({ name: `branch ${String(count++)}`, children: [value] })],
  ...ofOptions(["name", "strategy", "intensity", "autoShutdown", "restart", "retry", "children"], (options: object) =>
    runtime.supervise({ name: `branch ${String(count++)}`, children: [], ...options }),
  ),
  ["get()", (value) => runtime.get(value)],
  ["queue()", (value) => runtime.queue(value)],
  ...ofOptions(
    [
      ...["name", "run", "schema", "concurrency", "partitions", "bucket", "lease", "claim", "retry", "timeout"],
      ...["misfire", "stores", "create", "intake"],
    ],
    (options: object) => runtime.queue({ name: `q${String(count++)}`, ...options }),
  ),
  ["tryLock()", (value) => runtime.locks.tryLock(value)],
  ["tryAutoLock() id", (value) => runtime.locks.tryAutoLock(value, "1s")],
  ["tryAutoLock() duration", (value) => runtime.locks.tryAutoLock("id", value)],
  ["unlock()", (value) => runtime.locks.unlock(value)],
  ...(["interval", "daily", "weekly", "monthly", "cron", "parseSchedule"] as const).map((name): [string, Call] => [
    `${name}()`,
    (value) => (ostinato[name] as Call)(value),
  ]),
  ["interval() options", (value) => ostinato.interval("1h", value)],
  ["cron() options", (value) => ostinato.cron("* * * * *", value)],
  ["parseSchedule() options", (value) => ostinato.parseSchedule("1h", value)],
  ...(["sequence", "concurrence", "ignoreError", "withSignalNotify", "main"] as const).map((name): [string, Call] => [
    `${name}()`,
    (value) => (ostinato[name] as unknown as Call)(value),
  ]),
  ["ignoreError() matcher", (value) => ostinato.ignoreError(task, value)],
  ["withSignalNotify() signals", (value) => ostinato.withSignalNotify(task, value)],
  ["main() options", (value) => ostinato.main(value, task)],
  ["withRepeat() schedule", (value) => ostinato.withRepeat(value, task)],
  ["withRepeat() task", (value) => ostinato.withRepeat(hourly, value)],
  ["withRepeat() options", (value) => ostinato.withRepeat(hourly, task, value)],
  ["withTimeout() duration", (value) => ostinato.withTimeout(value, task)],
  ["withTimeout() task", (value) => ostinato.withTimeout("1s", value)],
  ["withTimeout() options", (value) => ostinato.withTimeout("1s", task, value)],
  ["withRetry() options", (value) => ostinato.withRetry(value, task)],
  ["withRetry() task", (value) => ostinato.withRetry({}, value)],
  ["withShutdown() start", (value) => ostinato.withShutdown(value, task)],
  ["withShutdown() stop", (value) => ostinato.withShutdown(task, value)],
  ["withShutdown() options", (value) => ostinato.withShutdown(task, task, value)],
  ["withNoOverlap()", (value) => ostinato.withNoOverlap(value)],
  ["onError() task", (value) => ostinato.onError(value, task)],
  ["onError() handler", (value) => ostinato.onError(task, value)],
  ["httpServerTask() server", (value) => ostinato.httpServerTask(value)],
  ["fileStore()", (value) => ostinato.fileStore(value)],
  ["fileStore() path", (value) => value !== "text" && ostinato.fileStore({ path: value })],
  ["natsStore()", (value) => ostinato.natsStore(value)],
  ...ofOptions(["servers", "namespace", "replicas", "storage", "requestTimeout"], (options) =>
    ostinato.natsStore(options),
  ),
  ["examineNats()", (value) => value !== undefined && ostinato.examineNats(value)],
  ["memoryStore().map()", (value) => ostinato.memoryStore().map(value)],
  ["openTaskRecords()", (value) => ostinato.openTaskRecords(value, clock)],
  ["ticks() schedule", (value) => ostinato.ticks(value, clock)],
  ["ticks() clock", (value) => ostinato.ticks(hourly, value)],
  ["ticks() options", (value) => ostinato.ticks(hourly, clock, value)],
  ["rxScheduler()", (value) => ostinato.rxScheduler(value)],
  ["discard()", (value) => ostinato.discard(value)],
  ["retryAfter()", (value) => ostinato.retryAfter(value)],
  ["virtualClock()", (value) => testing.virtualClock(value)],
  ["virtualClock() start", (value) => testing.virtualClock({ start: value })],
  ["virtualClock() advanceTo", (value) => testing.virtualClock().advanceTo(value)],
  ["simulate() from", (value) => testing.simulate([], { from: value, to: new Date(1) })],
  ["simulate()", (value) => testing.simulate(value, { from: new Date(0), to: new Date(1) })],
  ["simulate() options", (value) => testing.simulate([], value)],
  ["createInspector() runtime", (value) => createInspector(value, { port: 0 })],
  ...ofOptions(["port", "host", "allowActions", "token", "allowedHosts", "redact"], (options: object) =>
    createInspector(runtime, { port: 0, ...options }).then((inspector) => inspector.close()),
  ),
];

async function codeOf(call: () => unknown): Promise<string> {
  try {
    const made = call();
    // A promise is waited for; nothing else is looked at.
    if (made instanceof Promise) {
      const opened: unknown = await made;
      if (typeof (opened as AsyncDisposable | undefined)?.[Symbol.asyncDispose] === "function") {
        await (opened as AsyncDisposable)[Symbol.asyncDispose]();
      }
    }
    return "";
  } catch (error) {
    if (error instanceof ostinato.OstinatoError) return error.code;
    const { stack } = error as Error;
    return `uncoded: ${String(stack).slice(0, 600)}`;
  }
}

test("every public function takes any value, or refuses it with a code", async () => {
  const wrong: string[] = [];
  for (const [name, call] of calls) {
    for (const [kind, value] of Object.entries(values)) {
      const code = await codeOf(() => call(value as never));
      if (code.startsWith("uncoded")) wrong.push(`${name} with ${kind}: ${code}`);
    }
  }
  assert.equal(wrong, []);
});

test("an option that is null is refused everywhere, by name", async () => {
  const accepted: string[] = [];
  for (const [name, call] of calls) {
    if (name.includes("()") || Object.keys(others).length === 0) continue;
    const code = await codeOf(() => call(nothing as never));
    if (!code.startsWith("ERR_INVALID_")) accepted.push(`${name}: ${code}`);
  }
  assert.equal(accepted, []);
});

test("every function that is exported is called here", () => {
  const called = calls.map(([name]) => name.split("(")[0]);
  const functions = Object.entries({ ...ostinato, ...testing, createInspector }).filter(
    ([name, value]) => typeof value === "function" && !/Error$/.test(name) && !/^[A-Z]/.test(name),
  );
  const missing = functions.map(([name]) => name).filter((name) => !called.includes(name));
  assert.equal(missing, []);
});

test.run();
