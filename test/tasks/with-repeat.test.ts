import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import type { Schedule } from "../../src/schedule";
import { bindClock } from "../../src/task";
import { withRepeat } from "../../src/tasks/with-repeat";
import { rejection, settle } from "./support";

const hour = 3_600_000;
const start = Date.UTC(2024, 0, 1);

function everyHour(immediate = true): Schedule {
  return {
    next: (after) => new Date(after.getTime() + hour),
    toString: () => 'interval("1h")',
    elapsed: { every: hour, immediate },
  };
}

/** Due at each full hour, `times` times. */
function onTheHour(times = Infinity): Schedule {
  const last = start + times * hour;
  return {
    next(after) {
      const due = (Math.floor(after.getTime() / hour) + 1) * hour;
      return due > last ? undefined : new Date(due);
    },
    toString: () => 'cron("0 * * * *")',
  };
}

function fixture() {
  const clock = virtualClock({ start: new Date(start) });
  const controller = new AbortController();
  const context = bindClock({ signal: controller.signal }, clock);
  return { clock, controller, context };
}

test("an interval runs at once and then after each period, counted from the first run", async () => {
  const { clock, controller, context } = fixture();
  const ticks: number[] = [];
  const ended = withRepeat(everyHour(), ({ scheduledAt }) => ticks.push(scheduledAt.getTime() - start))(context);
  await settle();
  assert.equal(ticks, [0]);
  await clock.advance(3 * hour - 1);
  assert.equal(ticks, [0, hour, 2 * hour]);
  await clock.advance(1);
  assert.is(ticks.at(-1), 3 * hour);
  controller.abort();
  await ended;
  assert.is(clock.pending(), 0);
});

test("an interval that is not immediate waits for its first period", async () => {
  const { clock, controller, context } = fixture();
  let runs = 0;
  const ended = withRepeat(everyHour(false), () => (runs += 1))(context);
  await clock.advance(hour - 1);
  assert.is(runs, 0);
  await clock.advance(1);
  assert.is(runs, 1);
  controller.abort();
  await ended;
});

test("ticks that pass while a run lasts are left out, and the beat is kept", async () => {
  const { clock, controller, context } = fixture();
  const ticks: number[] = [];
  const slow = async ({ scheduledAt }: { scheduledAt: Date }) => {
    ticks.push((scheduledAt.getTime() - start) / hour);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 1.5 * hour));
  };
  const ended = withRepeat(everyHour(), slow)(context);
  await clock.advance(5 * hour);
  assert.equal(ticks, [0, 2, 4]);
  controller.abort();
  await clock.advance(2 * hour);
  await ended;
});

test("a calendar schedule waits for its time and ends when it has no more", async () => {
  const { clock, context } = fixture();
  const ticks: number[] = [];
  const ended = withRepeat(onTheHour(2), ({ scheduledAt }) => ticks.push(scheduledAt.getTime() - start))(context);
  await clock.advance(hour - 1);
  assert.equal(ticks, []);
  await clock.advance(hour + 1);
  await ended;
  assert.equal(ticks, [hour, 2 * hour]);
});

test("a calendar schedule follows the wall when that is set", async () => {
  const { clock, controller, context } = fixture();
  const lateBy: number[] = [];
  const ended = withRepeat(onTheHour(), (run) => lateBy.push(run.lateBy))(context);
  await settle();
  clock.setWall(new Date(start + hour + 5_000));
  await clock.advance(60_000);
  assert.equal(lateBy.length, 1);
  controller.abort();
  await ended;
});

test("an error ends it", async () => {
  const { clock, context } = fixture();
  const boom = new Error("boom");
  let runs = 0;
  const ended = rejection(
    withRepeat(everyHour(), () => {
      runs += 1;
      if (runs === 2) throw boom;
    })(context),
  );
  await clock.advance(5 * hour);
  assert.is(await ended, boom);
  assert.is(runs, 2);
  assert.is(clock.pending(), 0);
});

test("a run that is cut short by the abort resolves; its real error is thrown", async () => {
  const { controller, context } = fixture();
  const boom = new Error("boom");
  await withRepeat(everyHour(), ({ signal }) => {
    controller.abort();
    signal.throwIfAborted();
  })(context);
  const again = fixture();
  const failed = withRepeat(everyHour(), () => {
    again.controller.abort();
    throw boom;
  })(again.context);
  assert.is(await rejection(failed), boom);
});

test("under an aborted signal nothing runs", async () => {
  let runs = 0;
  await withRepeat(everyHour(), () => (runs += 1))({ signal: AbortSignal.abort() });
  assert.is(runs, 0);
});

test("on the system's clock, which never stands still, an interval runs at once too", async () => {
  const controller = new AbortController();
  await withRepeat(everyHour(), () => controller.abort())({ signal: controller.signal });
  assert.ok(controller.signal.aborted);
});

test("something that is no schedule is refused", () => {
  assert.throws(() => withRepeat("1h" as never, () => undefined), /^withRepeat: schedule: expected a schedule/);
});

test.run();
