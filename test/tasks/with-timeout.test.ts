import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { TimeoutError } from "../../src/errors";
import { withTimeout } from "../../src/tasks/with-timeout";
import { deferred, rejection, settle, untilAborted } from "./support";

test("a task that ends in time gives its result and leaves no timer", async () => {
  const clock = virtualClock({ start: new Date(0) });
  assert.is(await withTimeout("1s", () => 42, { clock })(), 42);
  assert.is(clock.pending(), 0);
});

test("at the limit the signal is aborted and the run fails with ERR_TIMEOUT, the task named", async () => {
  const clock = virtualClock({ start: new Date(0) });
  let reason: unknown;
  async function poll(context: Parameters<typeof untilAborted>[0]) {
    await untilAborted(context).catch((error: unknown) => (reason = error));
  }
  const failed = rejection(withTimeout("1s", poll, { clock })());
  await clock.advance(999);
  assert.is(reason, undefined);
  await clock.advance(1);
  const error = (await failed) as TimeoutError;
  assert.is(error, reason);
  assert.is(error.code, "ERR_TIMEOUT");
  assert.is(error.message, "poll took longer than 1s");
  assert.is(clock.pending(), 0);
});

test("an error after the limit is the cause of the timeout", async () => {
  const clock = virtualClock({ start: new Date(0) });
  const boom = new Error("not flushed");
  const failed = rejection(
    withTimeout("1s", (context) => untilAborted(context).catch(() => Promise.reject(boom)), { clock })(),
  );
  await clock.advance("1s");
  const error = (await failed) as TimeoutError;
  assert.instance(error, TimeoutError);
  assert.is(error.cause, boom);
});

test("a task that ignores its signal is given up after the grace period", async () => {
  const clock = virtualClock({ start: new Date(0) });
  let settled = false;
  const failed = rejection(withTimeout("1s", () => new Promise(() => undefined), { clock, grace: "2s" })());
  void failed.then(() => (settled = true));
  await clock.advance(2_999);
  assert.not.ok(settled);
  await clock.advance(1);
  assert.instance(await failed, TimeoutError);
});

test("the next run waits for a copy that was given up", async () => {
  const clock = virtualClock({ start: new Date(0) });
  const first = deferred();
  let copies = 0;
  let most = 0;
  const task = withTimeout(
    "1s",
    async () => {
      copies += 1;
      most = Math.max(most, copies);
      await first.promise;
      copies -= 1;
    },
    { clock, grace: 0 },
  );
  const failed = rejection(task());
  await clock.advance("1s");
  await failed;
  const again = task();
  await clock.advance(500);
  assert.is(most, 1);
  first.resolve();
  await again;
  assert.is(most, 1);
});

test("an abort from outside is passed on with its reason, and the limit no longer counts", async () => {
  const clock = virtualClock({ start: new Date(0) });
  const controller = new AbortController();
  const last = deferred();
  const ended = withTimeout("1s", () => last.promise, { clock })({ signal: controller.signal });
  controller.abort("enough");
  await settle();
  assert.is(clock.pending(), 0);
  last.resolve();
  await ended;
  const reason = await rejection(withTimeout("1s", untilAborted, { clock })({ signal: AbortSignal.abort("enough") }));
  assert.is(reason, "enough");
});

test("durations that make no sense are refused", () => {
  assert.throws(() => withTimeout(0, () => undefined), /^withTimeout: duration: expected at least 1ms/);
  assert.throws(() => withTimeout("soon" as never, () => undefined), /^withTimeout: duration: /);
});

test.run();
