import fc from "fast-check";
import { interval, type Misfire, type Schedule } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { due, type Due, type DueRule } from "../../src/rules/due";
import { freshRecord, type TaskRecord } from "../../src/rules/task-record";

const minute = 60_000;
const hour = 60 * minute;
const origin = Date.UTC(2026, 0, 1);
const hourly = interval("1h", { anchor: new Date(origin) });

const ruleOf = (more: Partial<DueRule> = {}): DueRule => ({
  ...{ schedule: hourly, grace: 5 * minute, misfire: "once", misfireLimit: 100 },
  ...{ misfireMaxAge: 24 * hour, retryLimit: Infinity },
  ...more,
});
/** What is due, with times in milliseconds after the origin. */
function ask(
  record: Partial<TaskRecord>,
  now: number,
  { sinceTick = 0, delay = 0, ...rule }: Partial<DueRule> & { sinceTick?: number; delay?: number } = {},
): object {
  const answer = due({ ...freshRecord(origin), ...record }, ruleOf(rule), origin + now, sinceTick, delay);
  const relative = Object.entries(answer).map(([key, value]: [string, unknown]) =>
    ["tick", "until", "at"].includes(key) ? [key, (value as number) - origin] : [key, value],
  );
  return Object.fromEntries(relative) as object;
}
const done = (tick: number): Partial<TaskRecord> => ({ tick: origin + tick, state: "done", attempt: 1 });
const run = (tick: number, more: object = {}) => ({ kind: "run", tick, attempt: 1, ...more });
const wait = (until: number) => ({ kind: "wait", until });

test("a calendar waits for its first tick, and runs it when it has come", () => {
  assert.equal(ask({}, 0), wait(hour));
  assert.equal(ask({}, hour - 1), wait(hour));
  assert.equal(ask({}, hour), run(hour));
  assert.equal(ask(done(hour), hour + 1), wait(2 * hour));
});

test("a new interval is due at once unless it is told otherwise, and counts from there", () => {
  const schedule = interval("1h");
  assert.equal(ask({}, 0, { schedule }), run(0));
  assert.equal(ask({ since: origin + 500 }, 0, { schedule }), wait(500));
  assert.equal(ask({}, 30 * minute, { schedule: interval("1h", { immediate: false }) }), wait(hour));
  assert.equal(ask(done(0), 30 * minute, { schedule, sinceTick: 30 * minute }), wait(hour));
  assert.equal(ask(done(0), hour, { schedule, sinceTick: hour }), run(hour));
});

test("an interval goes on by elapsed time where the wall was set back, and does not run twice", () => {
  const schedule = interval("1h");
  assert.equal(ask(done(5 * hour), 0, { schedule, sinceTick: 20 * minute }), wait(40 * minute));
  assert.equal(ask(done(5 * hour), 0, { schedule, sinceTick: hour }), run(6 * hour));
});

test("an interval that has never run goes on by elapsed time too", () => {
  const schedule = interval("1h", { immediate: false });
  assert.equal(ask({}, -5 * hour, { schedule, sinceTick: 59 * minute }), wait(-5 * hour + minute));
  assert.equal(ask({}, -5 * hour, { schedule, sinceTick: hour }), run(hour));
});

test("an interval whose missed tick was passed over waits for the next, however long ago the last one was", () => {
  const schedule = interval("1h");
  const passedOver = { schedule, misfire: "skip", sinceTick: 1.5 * hour } as const;
  assert.equal(ask(done(0), 1.5 * hour, passedOver), wait(2 * hour));
});

test("a calendar whose wall was set back waits for the wall", () => {
  assert.equal(ask(done(5 * hour), 0, { sinceTick: 3 * hour }), wait(6 * hour));
});

test("an attempt that was cut short runs again and was not counted (N24)", () => {
  const cut = { tick: origin + hour, state: "open", attempt: 2 } as const;
  assert.equal(ask(cut, 3 * hour), run(hour, { attempt: 2 }));
});

test("an attempt whose process died was counted, and runs again within the limit (N19)", () => {
  const died = { tick: origin + hour, state: "running", attempt: 2 } as const;
  assert.equal(ask(died, hour + 1, { retryLimit: 2 }), run(hour, { attempt: 3 }));
  assert.equal(ask(died, hour + 1, { retryLimit: 1 }), wait(2 * hour));
});

test("a failed attempt is tried again at its time, not before", () => {
  const failed = { tick: origin + hour, state: "retry", attempt: 1, retryAt: origin + hour + 90 } as const;
  assert.equal(ask(failed, hour + 89), { kind: "retryLater", at: hour + 90 });
  assert.equal(ask(failed, hour + 90), run(hour, { attempt: 2 }));
});

test("another attempt at a missed tick keeps its place in the row", () => {
  const catchUp = { index: 2, of: 3 };
  for (const state of ["open", "running"] as const) {
    const answer = ask({ tick: origin + hour, state, attempt: 1, catchUp }, 5 * hour) as { catchUp?: object };
    assert.equal(answer.catchUp, catchUp);
  }
});

test("a row of missed ticks is run one after the other and counts through", () => {
  const seen: unknown[] = [];
  let record: Partial<TaskRecord> = {};
  for (;;) {
    const answer = ask(record, 3.5 * hour, { misfire: "all" }) as Due;
    if (answer.kind !== "run") {
      assert.equal(answer, wait(4 * hour));
      break;
    }
    seen.push([answer.tick / hour, answer.catchUp]);
    record = { ...done(answer.tick), catchUp: answer.catchUp };
  }
  assert.equal(seen, [
    [1, { index: 1, of: 3 }],
    [2, { index: 2, of: 3 }],
    [3, { index: 3, of: 3 }],
  ]);
});

test("a row that grows while it is being run begins anew", () => {
  const record = { ...done(hour), catchUp: { index: 1, of: 2 } };
  assert.equal(ask(record, 4.5 * hour, { misfire: "all" }), run(2 * hour, { catchUp: { index: 1, of: 3 } }));
});

test("spread and jitter delay the start, not the tick", () => {
  assert.equal(ask({}, hour + 29, { delay: 30 }), wait(hour + 30));
  assert.equal(ask({}, hour + 30, { delay: 30 }), run(hour));
});

test("missed ticks under skip are passed over", () => {
  assert.equal(ask({}, 3.5 * hour, { misfire: "skip" }), wait(4 * hour));
  assert.equal(ask({}, 3 * hour, { misfire: "skip" }), run(3 * hour));
});

test("a schedule that has ended is exhausted, once its last tick was dealt with", () => {
  const schedule: Schedule = {
    next: (after) => (after.getTime() < origin + hour ? new Date(origin + hour) : undefined),
    toString: () => "once",
  };
  assert.equal(ask({}, hour, { schedule }), run(hour));
  const failed = { tick: origin + hour, state: "retry", attempt: 1, retryAt: origin + 2 * hour } as const;
  assert.equal(ask(failed, hour + 1, { schedule }), { kind: "retryLater", at: 2 * hour });
  assert.equal(ask(done(hour), hour + 1, { schedule }), { kind: "exhausted" });
});

test("whenever one looks: a tick is never run before its time, nor again once it was dealt with", () => {
  const looks = fc.array(fc.integer({ min: 1, max: 3 * hour }), { minLength: 1, maxLength: 20 });
  const schedules = fc.constantFrom(hourly, interval("1h"), interval("7m", { immediate: false }));
  fc.assert(
    fc.property(looks, schedules, fc.constantFrom<Misfire[]>("once", "skip", "all"), (gaps, schedule, misfire) => {
      let now = origin;
      let seenAt = origin;
      let record = freshRecord(origin);
      for (const gap of gaps) {
        now += gap;
        for (let run = 0; run < 100; run++) {
          const rule = ruleOf({ schedule, misfire, grace: minute });
          const answer = due(record, rule, now, now - seenAt);
          if (answer.kind === "wait") assert.ok(answer.until > now);
          if (answer.kind !== "run") break;
          assert.ok(answer.tick <= now);
          assert.ok(record.tick === null || answer.tick > record.tick);
          record = { ...record, tick: answer.tick, state: "done", attempt: 1, catchUp: answer.catchUp };
          seenAt = now;
        }
      }
    }),
    { numRuns: 200 },
  );
});

test.run();
