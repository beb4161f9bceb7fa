import pino, { type Logger } from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { createRuntime } from "../../src/runtime";
import { main, type MainOptions } from "../../src/tasks/main";
import { withTimeout } from "../../src/tasks/with-timeout";
import { deferred, rejection, settle, untilAborted } from "./support";

interface Line {
  level: number;
  msg: string;
  task?: string;
  err?: { message: string; stack: string; code?: string };
}

function memoryLogger(): { logger: Logger; lines: Line[] } {
  const lines: Line[] = [];
  return { lines, logger: pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line) as Line) }) };
}

function fixture(options: MainOptions = {}) {
  const clock = virtualClock({ start: new Date(0) });
  const { logger, lines } = memoryLogger();
  const controller = new AbortController();
  const exits: number[] = [];
  const exit = (code: number) => void exits.push(code);
  return { clock, lines, controller, exits, options: { clock, logger, exit, signal: controller.signal, ...options } };
}

test("no tasks give 0", async () => {
  assert.is(await main(), 0);
});

test("a runtime stands for its task, alone or beside tasks and options", async () => {
  const { clock, controller, options } = fixture();
  const runtime = createRuntime({ clock, logger: options.logger });
  let aborted = 0;
  runtime.spawn({
    name: "listener",
    run: async (context) => {
      await untilAborted(context).catch(() => (aborted += 1));
    },
  });
  const code = main(runtime, untilAborted, options);
  await clock.advance(10);
  assert.match(runtime.toString(), /listener .*running/);
  controller.abort();
  await clock.advance(10);
  assert.is(await code, 0);
  assert.is(aborted, 1);
  assert.is(await main({ ...options, signal: AbortSignal.abort() }, createRuntime({ clock })), 0);
});

test("tasks that end by themselves give 0; nothing is listened to any more", async () => {
  const before = [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM"), process.listenerCount("exit")];
  const { clock, options } = fixture();
  assert.is(
    await main(
      options,
      () => 1,
      () => Promise.resolve(),
    ),
    0,
  );
  const after = [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM"), process.listenerCount("exit")];
  assert.equal(after, before);
  assert.is(clock.pending(), 0);
});

for (const name of ["SIGINT", "SIGTERM"] as const) {
  test(`${name} aborts the tasks and gives 0`, async () => {
    const { exits, options } = fixture();
    const code = main(untilAborted, untilAborted, options);
    process.emit(name, name);
    assert.is(await code, 0);
    assert.equal(exits, []);
  });
}

test("the caller's abort gives 0, also before the start", async () => {
  const { controller, options } = fixture();
  const code = main(options, untilAborted);
  controller.abort(new Error("enough"));
  assert.is(await code, 0);
  assert.is(await main(options, () => Promise.reject(new Error("not even started"))), 0);
});

test("a failure aborts the others, gives 1 and is logged with its causes", async () => {
  const { lines, options } = fixture();
  function ingest() {
    return Promise.reject(new Error("cannot ingest", { cause: new Error("disk full") }));
  }
  assert.is(await main(options, untilAborted, ingest), 1);
  const errors = lines.filter(({ level }) => level >= 50);
  assert.is(errors.length, 1);
  assert.is(errors[0]?.task, "ingest");
  assert.is(errors[0]?.msg, "ingest failed: cannot ingest");
  assert.match(errors[0]?.err?.stack ?? "", /disk full/);
});

test("a real error after the abort is kept and gives 1", async () => {
  const { lines, controller, options } = fixture();
  const code = main(options, (context) =>
    untilAborted(context).catch((cause: unknown) => Promise.reject(new Error("half written", { cause }))),
  );
  controller.abort();
  assert.is(await code, 1);
  assert.is(lines.at(-1)?.msg, "task 1 of main failed: half written");
});

test("a second signal ends at once with 128 and its number", async () => {
  for (const [name, expected] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    const { exits, options } = fixture();
    const last = deferred();
    const code = main(options, () => last.promise);
    process.emit("SIGTERM", "SIGTERM");
    assert.equal(exits, []);
    process.emit(name, name);
    assert.equal(exits, [expected]);
    last.resolve();
    await code;
  }
});

test("a stuck task gives 1 at the shutdown deadline, 10s by default, and is named", async () => {
  const { clock, lines, controller, options } = fixture();
  function stuck() {
    return new Promise(() => undefined);
  }
  let code: number | undefined;
  const ended = main(options, stuck, untilAborted).then((given) => (code = given));
  await clock.advance("1h");
  controller.abort();
  await clock.advance(9_999);
  assert.is(code, undefined);
  await clock.advance(1);
  await ended;
  assert.is(code, 1);
  assert.is(lines.at(-1)?.msg, "stuck did not end within 10s of being asked to");
  assert.is(lines.at(-1)?.err?.code, "ERR_SHUTDOWN_DEADLINE");
  assert.is(clock.pending(), 0);
});

test("a sibling that ignores a failure is given up too, and both are logged", async () => {
  const { clock, lines, options } = fixture({ shutdownTimeout: "2s" });
  function stuck() {
    return new Promise(() => undefined);
  }
  const code = main(stuck, () => Promise.reject(new Error("boom")), options);
  await clock.advance("2s");
  assert.is(await code, 1);
  assert.equal(
    lines.map(({ msg }) => msg),
    ["task 2 of main failed: boom", "stuck did not end within 2s of being asked to"],
  );
});

test("only the given signals count", async () => {
  const { options } = fixture({ signals: ["SIGUSR2"] });
  const before = process.listenerCount("SIGTERM");
  const code = main(options, untilAborted);
  assert.is(process.listenerCount("SIGTERM"), before);
  process.emit("SIGUSR2", "SIGUSR2");
  assert.is(await code, 0);
});

test("composed tasks inside run on the given clock", async () => {
  const { clock, lines, options } = fixture();
  const code = main(options, withTimeout("1h", untilAborted));
  await settle();
  await clock.advance("1h");
  assert.is(await code, 1);
  assert.match(lines.at(-1)?.msg ?? "", /took longer than 1h/);
});

test("options and tasks that make no sense reject", async () => {
  const messages: [() => Promise<number>, RegExp][] = [
    [() => main(() => undefined, { shutdownTimeout: 0 }), /^main: shutdownTimeout: /],
    [() => main({ timeout: "1s" } as never), /^main: there is no option "timeout"/],
    [() => main({ signals: ["SIGKILL"] }), /^main: signals: /],
    [() => main("serve" as never), /^main: task 1: expected a function; got "serve"/],
    [() => main(() => undefined, null as never), /^main: options: /],
  ];
  for (const [call, message] of messages) assert.match(((await rejection(call())) as Error).message, message);
});

test.run();
