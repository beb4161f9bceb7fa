import fc from "fast-check";
import { cron, interval, type Schedule } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addTick, claimedUntil, type TickRow } from "../../src/rules/claimed-ticks";
import { aheadBy, clockTolerance, rebased } from "../../src/rules/clock-ahead";
import { due, type DueRule } from "../../src/rules/due";
import { adopted, countedBy, rivalOf } from "../../src/rules/schedule-change";
import { freshRecord, readRecord, type TaskRecord } from "../../src/rules/task-record";

const minute = 60_000;
const origin = Date.UTC(2026, 0, 1);
const everyMinute = cron("* * * * *", { timeZone: "UTC" });
const ruleOf = (schedule: Schedule, misfire: DueRule["misfire"] = "once"): DueRule => ({
  ...{ schedule, grace: 30_000, misfire, misfireLimit: 100, misfireMaxAge: Infinity, retryLimit: Infinity },
});
const rowsOf = (...minutes: number[]): TickRow[] =>
  minutes.reduce<TickRow[]>((rows, each) => addTick(rows, origin + each * minute, everyMinute), []);
const inMinutes = (rows: readonly TickRow[]): number[][] => rows.map((row) => row.map((at) => (at - origin) / minute));

test("claimed ticks are kept as rows without a gap, whatever their order", () => {
  assert.equal(inMinutes(rowsOf(1, 2, 3)), [[1, 3]]);
  assert.equal(inMinutes(rowsOf(1, 2, 7, 8)), [[1, 2], [7, 8]]); // prettier-ignore
  assert.equal(inMinutes(rowsOf(7, 8, 1, 2)), [[1, 2], [7, 8]]); // prettier-ignore
  assert.equal(inMinutes(rowsOf(1, 2, 2, 1.5, 3)), [[1, 3]]);
  assert.equal(inMinutes(rowsOf(1, 3, 5, 7, 9)), [[3, 3], [5, 5], [7, 7], [9, 9]]); // prettier-ignore
  assert.is(claimedUntil(rowsOf(1, 2, 7, 8), origin + 5 * minute), origin + 2 * minute);
  assert.is(claimedUntil(rowsOf(1, 2, 7, 8), origin + 7 * minute), origin + 8 * minute);
  assert.is(claimedUntil(rowsOf(5), origin), -Infinity);
  assert.is(claimedUntil(undefined, origin), -Infinity);
});

test("a row holds exactly the ticks that were claimed", () => {
  const ticks = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
  fc.assert(
    fc.property(ticks, (given) => {
      const rows = inMinutes(rowsOf(...given));
      const held = rows.flatMap(([first = 0, last = 0]) =>
        Array.from({ length: last - first + 1 }, (_, at) => first + at),
      );
      for (const each of held) assert.ok(given.includes(each), `${String(each)} was never claimed`);
      if (rows.length < 4) for (const each of given) assert.ok(held.includes(each), `${String(each)} is forgotten`);
    }),
  );
});

test("a record is ahead when it counts from beyond the next tick, and from more than a minute on", () => {
  const record = (tick: number): TaskRecord => ({ ...freshRecord(origin), tick: origin + tick });
  assert.is(aheadBy(record(0), everyMinute, origin), 0);
  assert.is(aheadBy(record(clockTolerance), everyMinute, origin), 0);
  assert.is(aheadBy(record(10 * minute), everyMinute, origin), 10 * minute);
  assert.is(aheadBy(record(10 * minute), cron("0 0 * * *", { timeZone: "UTC" }), origin), 0);
  assert.is(aheadBy(record(10 * minute), interval("1h"), origin), 10 * minute);
  assert.is(aheadBy(freshRecord(origin + 10 * minute), everyMinute, origin), 10 * minute);
});

/** A node's clock, and how it is set as time goes on. */
const nodes = fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 3 });
const steps = fc.array(
  fc.record({
    node: fc.nat(2),
    gap: fc.integer({ min: 1, max: 90 }),
    set: fc.option(fc.integer({ min: -200, max: 200 })),
  }),
  { minLength: 20, maxLength: 120 },
);

for (const misfire of ["once", "skip", "all"] as const) {
  test(`however clocks differ and are set, no tick is claimed twice while rows remember it, and none early: ${misfire}`, () => {
    fc.assert(
      fc.property(nodes, steps, (offsets, given) => {
        const clocks = offsets.map((seconds) => seconds * 1_000);
        const claimed = new Set<number>();
        let record: TaskRecord = { ...freshRecord(origin), rows: [] };
        let [time, sets, seenAt] = [origin, 0, origin];
        for (const { node, gap, set } of given) {
          time += gap * 1_000;
          const index = node % clocks.length;
          if (set !== null && sets < 1) {
            sets += 1;
            clocks[index] = (clocks[index] as number) + set * 1_000;
          }
          const now = time + (clocks[index] as number);
          const isAhead = aheadBy(record, everyMinute, now) > 0 && time - seenAt > 11_000;
          record = (isAhead ? rebased(record, everyMinute, now, "node") : undefined) ?? record;
          const answer = due(record, ruleOf(everyMinute, misfire), now, 0);
          if (answer.kind !== "run") continue;
          assert.ok(answer.tick <= now);
          const isKnown = (record.rows ?? []).length < 4;
          if (isKnown)
            assert.not.ok(claimed.has(answer.tick), `${new Date(answer.tick).toISOString()} was claimed before`);
          claimed.add(answer.tick);
          const rows = addTick(record.rows ?? [], answer.tick, everyMinute);
          record = { ...record, tick: answer.tick, attempt: 1, rows, catchUp: answer.catchUp };
          seenAt = time;
        }
      }),
      { numRuns: 1_000 },
    );
  });
}

test("a record ahead is counted from now on, but for what is in progress, was run already, or goes by elapsed time", () => {
  const tick = origin + 10 * minute;
  const ahead: TaskRecord = { ...freshRecord(origin), tick, attempt: 1, rows: [[tick, tick]] };
  const mended = rebased(ahead, everyMinute, origin, "n");
  assert.equal([mended?.tick, mended?.rows, mended?.rebased], [origin, ahead.rows, { node: "n", at: origin }]);
  assert.is(due(mended as TaskRecord, ruleOf(everyMinute), origin + minute, 0).kind, "run");
  assert.equal(due(mended as TaskRecord, ruleOf(everyMinute), tick, 0), { kind: "wait", until: tick + minute });
  for (const state of ["open", "retry", "running"] as const) {
    assert.is(rebased({ ...ahead, state, retryAt: tick }, everyMinute, origin, "n"), undefined);
  }
  assert.is(rebased({ ...ahead, rows: [[origin, tick]] }, everyMinute, origin, "n"), undefined);
  assert.is(rebased(ahead, interval("1m"), origin, "n"), undefined);
  assert.is(rebased(freshRecord(tick), interval("1m"), origin, "n")?.since, origin);
});

test("a retry that a clock ahead timed waits for its delay by elapsed time", () => {
  const failedAt = origin + 600 * minute;
  const state = { state: "retry", attempt: 1, retryAt: failedAt + 5 * minute, lastFailure: failedAt } as const;
  const record: TaskRecord = { ...freshRecord(origin), ...state, tick: failedAt };
  const ask = (sinceSeen: number): unknown => due(record, ruleOf(everyMinute), origin, 0, 0, sinceSeen);
  assert.equal(ask(0), { kind: "retryLater", at: origin + 5 * minute });
  assert.equal(ask(4 * minute), { kind: "retryLater", at: origin + minute });
  assert.equal(ask(5 * minute), { kind: "run", tick: failedAt, attempt: 2 });
});

test("a schedule that is new to a record runs nothing for times before its node started", () => {
  const schedules = fc.constantFrom(
    everyMinute,
    interval("7m"),
    interval("90s"),
    cron("*/5 * * * *", { timeZone: "UTC" }),
  );
  const misfires = fc.constantFrom<DueRule["misfire"][]>("once", "skip", "all");
  const past = fc.integer({ min: 0, max: 10_000 });
  fc.assert(
    fc.property(schedules, misfires, past, past, (schedule, misfire, downtime, late) => {
      const startedAt = origin + downtime * 1_000;
      const old: TaskRecord = { ...freshRecord(origin - minute), tick: origin, schedule: "old" };
      const counted = countedBy(old, "new", startedAt);
      const answer = due(counted, ruleOf(schedule, misfire), startedAt, 0);
      assert.ok(answer.kind === "wait" && answer.until > startedAt, JSON.stringify(answer));
      const later = due(counted, ruleOf(schedule, misfire), startedAt + late * 1_000, late * 1_000);
      if (later.kind === "run") assert.ok(later.tick > startedAt);
    }),
  );
});

test("a record without a schedule, of an older version, is counted as before", () => {
  const old: TaskRecord = { ...freshRecord(origin), tick: origin };
  assert.is(countedBy(old, "new", origin + minute), old);
  assert.is(adopted(old, "new", origin).schedule, "new");
  assert.is(adopted(old, "new", origin).scheduleSince, undefined);
});

test("a node that starts follows its own schedule; another schedule that shows after that is a rival", () => {
  const record: TaskRecord = { ...freshRecord(origin), schedule: "a", rival: "c" };
  const own = adopted(record, "b", origin + 5);
  assert.equal([own.schedule, own.scheduleSince, own.rival], ["b", origin + 5, undefined]);
  assert.is(adopted(own, "b", origin + 9), own);
  assert.equal(
    [rivalOf(own, "b"), rivalOf(own, "a"), rivalOf(record, "a"), rivalOf(record, "c")],
    [undefined, "b", "c", "a"],
  );
});

test("rows that are none make a record corrupt, as any other field does", () => {
  for (const rows of [5, [5], [[1]], [[1, "2"]], [[1, 2, 3]]]) {
    assert.is(readRecord(JSON.stringify({ ...freshRecord(origin), rows })).kind, "none");
  }
  assert.is(readRecord(JSON.stringify({ ...freshRecord(origin), rows: [[1, 2]] })).kind, "record");
});

test.run();
