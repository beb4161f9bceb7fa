import { test } from "uvu";
import * as assert from "uvu/assert";
import { withSignalNotify } from "../../src/tasks/with-signal-notify";
import { deferred, rejection, untilAborted } from "./support";

function listening(...signals: NodeJS.Signals[]) {
  return signals.map((name) => process.listenerCount(name));
}

test("SIGINT and SIGTERM abort the task by default, and no listener stays", async () => {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    const before = listening("SIGINT", "SIGTERM");
    let reason: unknown;
    const ended = withSignalNotify((context) =>
      untilAborted(context).catch((error: unknown) => {
        reason = error;
        throw error;
      }),
    )();
    assert.equal(
      listening("SIGINT", "SIGTERM"),
      before.map((count) => count + 1),
    );
    process.emit(name, name);
    await ended;
    assert.is((reason as Error).message, `${name} received`);
    assert.equal(listening("SIGINT", "SIGTERM"), before);
  }
});

test("exactly the given signals are listened to, each once", async () => {
  const before = listening("SIGINT", "SIGTERM", "SIGUSR2");
  const ended = withSignalNotify(untilAborted, ["SIGUSR2", "SIGUSR2"])();
  const during = listening("SIGINT", "SIGTERM", "SIGUSR2");
  assert.equal(during, [before[0], before[1], before[2]! + 1]);
  process.emit("SIGUSR2", "SIGUSR2");
  await ended;
});

test("listeners go when the task ends or fails by itself", async () => {
  const before = listening("SIGTERM");
  assert.is(await withSignalNotify(() => 42)(), 42);
  const boom = new Error("boom");
  assert.is(await rejection(withSignalNotify(() => Promise.reject(boom))()), boom);
  assert.equal(listening("SIGTERM"), before);
});

test("a further signal before the task has ended does no harm", async () => {
  const last = deferred();
  const ended = withSignalNotify(() => last.promise, ["SIGUSR2"])();
  process.emit("SIGUSR2", "SIGUSR2");
  process.emit("SIGUSR2", "SIGUSR2");
  last.resolve();
  await ended;
});

test("an error that merely wraps the abort is kept", async () => {
  const failed = rejection(
    withSignalNotify(
      (context) =>
        untilAborted(context).catch((cause: unknown) => Promise.reject(new Error("half written", { cause }))),
      ["SIGUSR2"],
    )(),
  );
  process.emit("SIGUSR2", "SIGUSR2");
  assert.is(((await failed) as Error).message, "half written");
});

test("the caller's abort is passed on and is no error", async () => {
  const controller = new AbortController();
  const ended = withSignalNotify(untilAborted)({ signal: controller.signal });
  controller.abort();
  await ended;
});

test("names that are no signals, and those nobody can listen to, are refused", () => {
  for (const name of ["SIGKILL", "SIGSTOP", "TERM"]) {
    assert.throws(() => withSignalNotify(() => undefined, [name as never]), /^withSignalNotify: signals: /);
  }
});

test.run();
