import fc from "fast-check";
import { cron, interval, type Misfire, type Schedule } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { planTicks, type MisfireQuestion, type TickPlan } from "../../src/rules/misfire";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const origin = Date.UTC(2026, 0, 1);
const hourly = interval("1h", { anchor: new Date(origin) });

/** Hours after the origin, for hours in. */
function plan(question: Partial<MisfireQuestion> & { now: number }): TickPlan {
  return planTicks({
    schedule: hourly,
    last: origin,
    grace: 5 * minute,
    misfire: "once",
    limit: 100,
    maxAge: day,
    ...question,
    now: origin + question.now,
  });
}
const hours = (planned: TickPlan) => ({
  run: planned.run.map(({ at }) => (at - origin) / hour),
  handled: (planned.handled - origin) / hour,
  next: planned.next === undefined ? undefined : (planned.next - origin) / hour,
});

test("before its time, and at it, and within the grace", () => {
  for (const misfire of ["once", "skip", "all"] as const) {
    assert.equal(hours(plan({ misfire, now: hour - 1 })), { run: [], handled: 0, next: 1 });
    assert.equal(hours(plan({ misfire, now: hour })), { run: [1], handled: 1, next: 2 });
    assert.equal(hours(plan({ misfire, now: hour + 5 * minute })), { run: [1], handled: 1, next: 2 });
  }
});

test("missed ticks, by rule, with and without one on time", () => {
  const table: [Misfire, number, number[]][] = [
    ["once", 3 * hour + 30 * minute, [3]],
    ["skip", 3 * hour + 30 * minute, []],
    ["all", 3 * hour + 30 * minute, [1, 2, 3]],
    ["once", 3 * hour + minute, [3]],
    ["skip", 3 * hour + minute, [3]],
    ["all", 3 * hour + minute, [1, 2, 3]],
    ["once", hour + 6 * minute, [1]],
    ["skip", hour + 6 * minute, []],
    ["all", hour + 6 * minute, [1]],
  ];
  for (const [misfire, now, run] of table) {
    const planned = plan({ misfire, now });
    assert.equal(hours(planned).run, run, `${misfire} after ${String(now / hour)} h`);
    assert.is(hours(planned).handled, Math.floor(now / hour));
    assert.is(hours(planned).next, Math.floor(now / hour) + 1);
  }
});

test("under all, each missed tick has its place in the row; the one on time has none", () => {
  assert.equal(
    plan({ misfire: "all", now: 3 * hour + minute }).run.map(({ catchUp }) => catchUp),
    [{ index: 1, of: 2 }, { index: 2, of: 2 }, undefined],
  );
});

test("the limit keeps the latest, and the one on time comes on top of it", () => {
  assert.equal(hours(plan({ misfire: "all", limit: 2, now: 9.5 * hour })).run, [8, 9]);
  assert.equal(hours(plan({ misfire: "all", limit: 2, now: 9 * hour })).run, [7, 8, 9]);
});

test("what is older than maxAge is not run, but counts as dealt with", () => {
  const old = { maxAge: 2 * hour, now: 9.5 * hour };
  assert.equal(hours(plan({ misfire: "all", ...old })).run, [8, 9]);
  assert.equal(hours(plan({ misfire: "once", ...old })).run, [9]);
  assert.equal(hours(plan({ misfire: "once", maxAge: 10 * minute, now: 9.5 * hour })), {
    run: [],
    handled: 9,
    next: 10,
  });
  assert.equal(hours(plan({ misfire: "once", maxAge: 0, now: 9 * hour + minute })).run, [9], "on time has no age");
});

test("a schedule that ends has no next, and one that has ended is left as it was", () => {
  const once: Schedule = {
    next: (after) => (after.getTime() < origin ? new Date(origin) : undefined),
    toString: () => "",
  };
  assert.equal(plan({ schedule: once, last: origin - 1, now: 0 }), {
    run: [{ at: origin }],
    handled: origin,
    next: undefined,
  });
  assert.equal(plan({ schedule: once, now: day }), { run: [], handled: origin, next: undefined });
});

test("however long nothing ran, few steps are taken", () => {
  let calls = 0;
  const everyMinute = cron("* * * * *", { timeZone: "UTC" });
  const counted: Schedule = {
    next: (after) => ((calls += 1), everyMinute.next(after)),
    toString: () => "counted",
  };
  for (const misfire of ["once", "skip", "all"] as const) {
    calls = 0;
    const planned = plan({
      schedule: counted,
      misfire,
      limit: 10,
      last: origin - 365 * day,
      now: minute / 2,
      grace: 1,
    });
    assert.is(planned.handled, origin);
    assert.ok(calls < 200, `${misfire}: ${String(calls)} steps`);
  }
  const planned = plan({
    schedule: interval(1),
    misfire: "all",
    limit: 3,
    last: 0,
    now: 0,
    grace: 0,
    maxAge: Infinity,
  });
  assert.equal(
    planned.run.map(({ at }) => at - origin),
    [-3, -2, -1, 0],
  );
});

/** The rule spelled out, with every tick listed. */
function byTheBook({ schedule, last, now, grace, misfire, limit, maxAge }: MisfireQuestion): TickPlan {
  const come: number[] = [];
  let at = schedule.next(new Date(last))?.getTime();
  for (; at !== undefined && at <= now; at = schedule.next(new Date(at))?.getTime()) come.push(at);
  const handled = come.at(-1) ?? last;
  const onTime = come.filter((each) => now - each <= grace).slice(-1);
  const missed = come.filter((each) => !onTime.includes(each) && now - each <= maxAge);
  const rows = missed.slice(-limit);
  const all = rows.map((each, index) => ({ at: each, catchUp: { index: index + 1, of: rows.length } }));
  // What is told once is the latest of all, unless that is too old.
  const latest = missed.filter((each) => each === handled);
  const run =
    misfire === "all" ? all : misfire === "once" && onTime.length === 0 ? latest.map((each) => ({ at: each })) : [];
  return { run: [...run, ...onTime.map((each) => ({ at: each }))], handled, next: at };
}

test("it plans as the rule says with every tick listed, on any irregular schedule", () => {
  const question = fc.record({
    gaps: fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 30 }),
    passed: fc.integer({ min: 0, max: 60_000 }),
    grace: fc.integer({ min: 0, max: 3_000 }),
    misfire: fc.constantFrom<Misfire[]>("once", "skip", "all"),
    limit: fc.integer({ min: 1, max: 10 }),
    maxAge: fc.oneof(fc.integer({ min: 0, max: 60_000 }), fc.constant(Infinity)),
  });
  fc.assert(
    fc.property(question, ({ gaps, passed, ...rule }) => {
      let sum = origin;
      const instants = gaps.map((gap) => (sum += gap));
      const schedule: Schedule = {
        next: (after) => {
          const found = instants.find((each) => each > after.getTime());
          return found === undefined ? undefined : new Date(found);
        },
        toString: () => "irregular",
      };
      const asked = { schedule, last: origin, now: origin + passed, ...rule };
      assert.equal(planTicks(asked), byTheBook(asked));
    }),
    { numRuns: 500 },
  );
});

test.run();
