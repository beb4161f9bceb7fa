import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { discard, retryAfter } from "../../src/task";
import { withRetry, type WithRetryOptions } from "../../src/tasks/with-retry";
import { rejection, settle } from "./support";

const start = new Date(0);

/** Runs a task that always fails with what `fail` gives, and tells when it was tried. */
function failing(options: WithRetryOptions, fail: (attempt: number) => unknown) {
  const clock = virtualClock({ start });
  const tries: number[] = [];
  const task = withRetry({ jitter: 0, ...options, clock }, ({ attempt }) => {
    assert.is(attempt, tries.length + 1);
    tries.push(clock.monotonic() - began);
    const error = fail(attempt);
    if (error !== undefined) throw error;
    return "done";
  });
  const began = clock.monotonic();
  return { clock, tries, task };
}

test("failures are retried with growing waits until one attempt succeeds", async () => {
  const { clock, tries, task } = failing({}, (attempt) => (attempt < 4 ? new Error("boom") : undefined));
  const ended = task();
  await clock.advance("1m");
  assert.is(await ended, "done");
  assert.equal(tries, [0, 1_000, 3_000, 7_000]);
  assert.is(clock.pending(), 0);
});

test("jitter spreads the waits", async () => {
  const { clock, tries, task } = failing({ jitter: 0.2, random: () => 0 }, (attempt) =>
    attempt === 1 ? new Error("boom") : undefined,
  );
  const ended = task();
  await clock.advance("1m");
  await ended;
  assert.equal(tries, [0, 800]);
});

test("once the retries are used up the last error is thrown as it is", async () => {
  const errors = [new Error("one"), new Error("two"), new Error("three")];
  const { clock, tries, task } = failing({ limit: 2 }, (attempt) => errors[attempt - 1]);
  const failed = rejection(task());
  await clock.advance("1m");
  assert.is(await failed, errors[2]);
  assert.is(tries.length, 3);
});

test("discard() ends the attempts at once", async () => {
  const error = discard(new Error("gone"));
  const { tries, task } = failing({}, () => error);
  assert.is(await rejection(task()), error);
  assert.is(tries.length, 1);
});

test("retryAfter() chooses the wait", async () => {
  const { clock, tries, task } = failing({}, (attempt) => (attempt === 1 ? retryAfter("30s") : undefined));
  const ended = task();
  await clock.advance("30s");
  await ended;
  assert.equal(tries, [0, 30_000]);
});

test("an initial delay of 0 still lets everything else run between attempts", async () => {
  const { clock, tries, task } = failing({ initialDelay: 0, limit: 1 }, () => new Error("boom"));
  const failed = rejection(task());
  await settle();
  assert.is(tries.length, 1);
  await clock.advance(1);
  await failed;
  assert.is(tries.length, 2);
});

test("an abort ends the waiting, and is what the task is rejected with", async () => {
  const { clock, tries, task } = failing({}, () => new Error("boom"));
  const controller = new AbortController();
  const failed = rejection(task({ signal: controller.signal }));
  await settle();
  controller.abort("enough");
  assert.is(await failed, "enough");
  assert.is(tries.length, 1);
  assert.is(clock.pending(), 0);
});

test("an error after the abort is not retried", async () => {
  const controller = new AbortController();
  const boom = new Error("boom");
  const { task } = failing({}, () => {
    controller.abort();
    return boom;
  });
  assert.is(await rejection(task({ signal: controller.signal })), boom);
});

test("options are refused by name", () => {
  assert.throws(() => withRetry({ factor: 0 }, () => undefined), /^withRetry\.factor: /);
  assert.throws(() => withRetry({ retries: 3 } as never, () => undefined), /there is no option "retries"/);
  assert.throws(() => withRetry(null as never, () => undefined), /^withRetry: options: /);
});

test.run();
