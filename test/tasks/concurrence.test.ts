import { test } from "uvu";
import * as assert from "uvu/assert";
import { OstinatoError, ShutdownError } from "../../src/errors";
import { concurrence } from "../../src/tasks/concurrence";
import { deferred, rejection, untilAborted } from "./support";

test("no tasks resolve", async () => {
  await concurrence()();
});

test("all tasks run at once and all are waited for", async () => {
  const first = deferred();
  const second = deferred();
  const all = concurrence(
    () => first.resolve(),
    async () => {
      await first.promise;
      second.resolve();
    },
    () => second.promise,
  );
  await all();
});

test("a failure aborts the others with ERR_SIBLING_FAILED, waits for them and is thrown as it is", async () => {
  const boom = new Error("boom");
  let reason: unknown;
  let cleaned = false;
  async function steady(context: Parameters<typeof untilAborted>[0]) {
    await untilAborted(context).catch((error: unknown) => (reason = error));
    await Promise.resolve();
    cleaned = true;
    throw reason;
  }
  function failing() {
    return Promise.reject(boom);
  }
  assert.is(await rejection(concurrence(steady, failing)()), boom);
  assert.ok(cleaned);
  assert.instance(reason, OstinatoError);
  assert.is((reason as OstinatoError).code, "ERR_SIBLING_FAILED");
  assert.is((reason as OstinatoError).cause, boom);
  assert.is((reason as OstinatoError).message, "failing failed: boom");
});

test("several failures become an AggregateError whose message names each task", async () => {
  const errors = [new Error("one"), new TypeError("two"), new Error("three")];
  function first() {
    throw errors[0];
  }
  const error = await rejection(
    concurrence(
      first,
      () => Promise.reject(errors[1]),
      async (context) => untilAborted(context).catch(() => Promise.reject(errors[2])),
    )(),
  );
  assert.instance(error, AggregateError);
  assert.equal((error as AggregateError).errors, errors);
  assert.is(
    (error as AggregateError).message,
    "3 tasks of concurrence failed: first: one; task 2 of concurrence: two; task 3 of concurrence: three",
  );
});

test("what only repeats the abort is left out: the reason, an AbortError, ERR_SHUTDOWN, and an aggregate of them", async () => {
  for (const echo of [
    new DOMException("aborted", "AbortError"),
    new ShutdownError(),
    new AggregateError([new ShutdownError(), new DOMException("aborted", "AbortError")]),
  ]) {
    const controller = new AbortController();
    const all = concurrence(untilAborted, async (context) => untilAborted(context).catch(() => Promise.reject(echo)));
    const ended = all({ signal: controller.signal });
    controller.abort();
    await ended;
  }
});

test("one task behaves as many do", async () => {
  const controller = new AbortController();
  const ended = concurrence(untilAborted)({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await ended;
});

test("an error that wraps an abort is kept", async () => {
  const controller = new AbortController();
  const wrapped = concurrence(untilAborted, async (context) => {
    await untilAborted(context).catch((cause: unknown) => Promise.reject(new Error("not flushed", { cause })));
  });
  const ended = rejection(wrapped({ signal: controller.signal }));
  controller.abort();
  assert.is(((await ended) as Error).message, "not flushed");
});

test("an abort error that nobody caused is a failure", async () => {
  const own = new DOMException("mine", "AbortError");
  assert.is(await rejection(concurrence(() => Promise.reject(own))()), own);
});

test("under an aborted signal nothing is started", async () => {
  let ran = false;
  await concurrence(() => (ran = true))({ signal: AbortSignal.abort() });
  assert.not.ok(ran);
});

test("a thousand runs leave no listener on a signal that lives on", async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...given: Parameters<typeof add>) => {
    listeners += 1;
    add(...given);
  };
  signal.removeEventListener = (...given: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...given);
  };
  for (let run = 0; run < 1_000; run += 1) await concurrence(() => undefined)({ signal });
  assert.is(listeners, 0);
});

test.run();
