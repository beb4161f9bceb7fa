import {
  cron,
  daily,
  interval,
  monthly,
  OstinatoError,
  ticks,
  type Schedule,
  type Tick,
  type TicksOptions,
} from "ostinato";
import { virtualClock, type VirtualClock } from "ostinato/testing";
import type { Subscription } from "rxjs";
import { test } from "uvu";
import * as assert from "uvu/assert";

const hour = 3_600_000;
const day = 24 * hour;
const iso = (date: Date): string => date.toISOString().replace(":00.000Z", "Z");

/** Subscribes, and tells what came, each as it was due, with its lateness where it was late. */
function follow(schedule: Schedule, clock: VirtualClock, options?: TicksOptions) {
  const told: Tick[] = [];
  const ends: string[] = [];
  const subscription: Subscription = ticks(schedule, clock, options).subscribe({
    next: (tick) => told.push(tick),
    complete: () => ends.push("completed"),
    error: (error: Error) => ends.push(error.message),
  });
  const written = (): string[] => told.map(({ at, lateBy }) => (lateBy === 0 ? iso(at) : `${iso(at)} +${lateBy}`));
  return { told, ends, subscription, written };
}

/** A schedule of these instants only. */
function only(...instants: string[]): Schedule {
  return {
    next: (after) => instants.map((each) => new Date(each)).find((each) => each > after),
    toString: () => "only",
  };
}

test("a calendar's ticks come when they are due, numbered from 0", async () => {
  const clock = virtualClock({ start: "2026-01-01T10:30:00Z" });
  const { told } = follow(cron("0 * * * *", { timeZone: "UTC" }), clock);
  await clock.advance("3h");
  assert.equal(
    told,
    ["11", "12", "13"].map((at, index) => ({ at: new Date(`2026-01-01T${at}:00:00Z`), index, lateBy: 0 })),
  );
});

test("an interval's first tick comes at once, but not before subscribe has returned, or after one period", async () => {
  const clock = virtualClock();
  const begun = clock.now();
  const [atOnce, later] = [interval("1h"), interval("1h", { immediate: false })].map((each) => follow(each, clock));
  assert.equal(atOnce?.told, []);
  await clock.advance(2 * hour);
  const after = (ticks: Tick[] | undefined) => ticks?.map(({ at }) => (at.getTime() - begun) / hour);
  assert.equal(after(atOnce?.told), [0, 1, 2]);
  assert.equal(after(later?.told), [1, 2]);
});

test("it is cold: every subscription counts from its own beginning", async () => {
  const clock = virtualClock();
  const stream = ticks(interval("1h"), clock);
  assert.is(clock.pending(), 0);
  const seen: string[] = [];
  stream.subscribe(({ index }) => seen.push(`first ${String(index)}`));
  await clock.advance("30m");
  stream.subscribe(({ index }) => seen.push(`second ${String(index)}`));
  await clock.advance("1h");
  assert.equal(seen, ["first 0", "second 0", "first 1", "second 1"]);
});

test("unsubscribing leaves neither a timer nor a listener, from outside and from within a tick", async () => {
  const clock = virtualClock();
  let listeners = 0;
  const counted = {
    ...clock,
    onWallJump(listener: () => void) {
      listeners += 1;
      const end = clock.onWallJump?.(listener);
      return () => ((listeners -= 1), end?.());
    },
  };
  const { subscription } = follow(daily({ hour: 3, timeZone: "UTC" }), counted);
  assert.is(listeners, 1);
  assert.is(clock.pending(), 1);
  subscription.unsubscribe();
  assert.is(listeners, 0);
  assert.is(clock.pending(), 0);
  let calls = 0;
  const own: Subscription = ticks(interval("1s"), counted).subscribe(() => {
    calls += 1;
    if (calls === 2) own.unsubscribe();
  });
  await clock.advance("1h");
  assert.is(calls, 2);
  assert.is(clock.pending(), 0);
});

test("waits past 24.8 days are right", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const rare = follow(monthly({ day: 31, hour: 12, timeZone: "UTC" }), clock);
  const long = follow(interval("60d", { immediate: false }), clock);
  await clock.advance("130d");
  assert.equal(
    rare.written(),
    ["01-31", "02-28", "03-31", "04-30"].map((at) => `2026-${at}T12:00Z`),
  );
  assert.equal(long.written(), ["2026-03-02T00:00Z", "2026-05-01T00:00Z"]);
});

test("a wall set forward: by misfire the latest of the missed, none, or each up to the limit", async () => {
  const after: Record<string, string[]> = {};
  const cases: [string, TicksOptions][] = [
    ["default", {}],
    ["once", { misfire: "once" }],
    ["skip", { misfire: "skip" }],
    ["all", { misfire: "all" }],
    ["two of all", { misfire: "all", misfireLimit: 2 }],
  ];
  for (const [name, options] of cases) {
    const clock = virtualClock({ start: "2026-01-01T00:30:00Z" });
    const { written, told } = follow(cron("0 * * * *", { timeZone: "UTC" }), clock, options);
    clock.setWall("2026-01-01T04:10:00Z");
    await clock.advance("1h");
    after[name] = written().map((each) => each.replace("2026-01-01T", ""));
    assert.equal(
      told.map(({ index }) => index),
      told.map((_, index) => index),
    );
  }
  const late = (...hours: number[]) => hours.map((at) => `0${at}:00Z +${String(4 * hour + 600_000 - at * hour)}`);
  assert.equal(after, {
    default: [...late(4), "05:00Z"],
    once: [...late(4), "05:00Z"],
    skip: ["05:00Z"],
    all: [...late(1, 2, 3, 4), "05:00Z"],
    "two of all": [...late(3, 4), "05:00Z"],
  });
});

test("a wall set back: nothing is told twice, and the next comes when the wall gets there", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:30:00Z" });
  const { written } = follow(cron("0 * * * *", { timeZone: "UTC" }), clock);
  await clock.advance("2h");
  clock.setWall("2026-01-01T00:30:00Z");
  await clock.advance("2h");
  assert.equal(written(), ["2026-01-01T01:00Z", "2026-01-01T02:00Z"]);
  await clock.advance("1h");
  assert.equal(written().slice(2), ["2026-01-01T03:00Z"]);
});

test("an interval follows elapsed time whatever happens to the wall, and reads its ticks off the wall", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const { told, written } = follow(interval("1h"), clock);
  await clock.advance("90m");
  clock.setWall("2026-02-01T00:00:00Z");
  await clock.advance("1h");
  clock.setWall("2025-01-01T00:00:00Z");
  await clock.advance("1h");
  assert.is(told.length, 4);
  assert.equal(written(), ["2026-01-01T00:00Z", "2026-01-01T01:00Z", "2026-02-01T00:30Z", "2025-01-01T00:30Z"]);
});

test("a suspend, in which elapsed time stands, is caught up by a calendar and not by an interval", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const calendar = follow(daily({ hour: 3, timeZone: "UTC" }), clock);
  const elapsed = follow(interval("1d"), clock);
  await clock.advance("1h");
  clock.setWall("2026-01-03T09:00:00Z");
  await clock.advance(0);
  assert.equal(calendar.written(), [`2026-01-03T03:00Z +${6 * hour}`]);
  assert.is(elapsed.told.length, 1);
});

test("since: those after it come, by the misfire rule, and an interval counts from it", async () => {
  const clock = virtualClock({ start: "2026-01-05T00:30:00Z" });
  const since = new Date("2026-01-01T00:00:00Z");
  const calendar = follow(daily({ hour: 0, timeZone: "UTC" }), clock, { since, misfire: "all" });
  const elapsed = follow(interval("6h"), clock, { since });
  const ahead = follow(interval("6h"), clock, { since: new Date("2026-01-05T12:00:00Z") });
  assert.is(calendar.told.length + elapsed.told.length, 0);
  await clock.advance("1d");
  assert.equal(
    calendar.told.map(({ at, lateBy }) => [at.getUTCDate(), lateBy]),
    [2, 3, 4, 5].map((date) => [date, (5 - date) * day + hour / 2]).concat([[6, 0]]),
  );
  assert.equal(
    elapsed.told.map(({ at, lateBy }) => [at.getUTCDate(), at.getUTCHours(), lateBy]),
    [
      [5, 0, hour / 2],
      [5, 6, 0],
      [5, 12, 0],
      [5, 18, 0],
      [6, 0, 0],
    ],
  );
  assert.equal(ahead.written(), ["2026-01-05T18:00Z", "2026-01-06T00:00Z"]);
});

test("a process that was busy tells the latest tick, and goes on where the interval would be", async () => {
  const clock = virtualClock();
  let busy = 0;
  const slow: VirtualClock = { ...clock, monotonic: () => clock.monotonic() + busy, now: () => clock.now() + busy };
  const { told } = follow(interval("1s"), slow);
  await clock.advance(0);
  clock.setTimeout(() => (busy = 3_400), 500);
  await clock.advance("3s");
  assert.equal(told.map(({ at, lateBy }) => [at.getTime() - told[0]!.at.getTime(), lateBy]).slice(0, 3), [
    [0, 0],
    [4_000, 400],
    [5_000, 0],
  ]);
});

test("a tick within the grace is on time, whatever the misfire rule", async () => {
  for (const [grace, expected] of [
    ["1s", 0],
    ["5s", 1],
  ] as const) {
    const clock = virtualClock({ start: "2026-01-01T00:59:59Z" });
    const { told } = follow(cron("0 * * * *", { timeZone: "UTC" }), clock, { misfire: "skip", grace });
    clock.setWall("2026-01-01T01:00:04Z");
    await clock.advance("1s");
    assert.is(told.length, expected);
  }
});

test("it completes when the schedule has ended, at once if that was before, and leaves nothing", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const two = follow(only("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"), clock);
  const over = follow(only("2025-01-02T00:00:00Z"), clock);
  assert.equal(over.ends, ["completed"]);
  await clock.advance("36h");
  assert.equal(two.ends, []);
  await clock.advance("36h");
  assert.equal(two.written(), ["2026-01-02T00:00Z", "2026-01-03T00:00Z"]);
  assert.equal(two.ends, ["completed"]);
  assert.is(clock.pending(), 0);
});

test("a schedule that throws fails the stream and leaves nothing", async () => {
  const clock = virtualClock();
  const first = new Date(clock.now() + hour);
  const broken: Schedule = {
    next: (after) => {
      if (after < first) return first;
      throw new Error("no next");
    },
    toString: () => "broken",
  };
  const { told, ends } = follow(broken, clock);
  await clock.advance("2h");
  assert.equal(ends, ["no next"]);
  assert.is(told.length, 0);
  assert.is(clock.pending(), 0);
});

test("a clock that tells of no jumps is looked at once a minute", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:30:00Z" });
  const { onWallJump, ...blind } = clock;
  assert.type(onWallJump, "function");
  const { written } = follow(cron("0 * * * *", { timeZone: "UTC" }), blind);
  clock.setWall("2026-01-01T01:10:00Z");
  await clock.advance("61s");
  assert.is(written().length, 1);
});

test("what cannot be is refused by code", () => {
  const clock = virtualClock();
  const schedule = interval("1h");
  const refused: [() => unknown, string, RegExp][] = [
    [() => ticks(undefined as never, clock), "ERR_INVALID_OPTION", /ticks: schedule/],
    [() => ticks(schedule, undefined as never), "ERR_INVALID_OPTION", /clock/],
    [() => ticks(schedule, clock, { since: new Date(NaN) }), "ERR_INVALID_OPTION", /since: expected a valid Date/],
    [() => ticks(schedule, clock, { misfire: "twice" as never }), "ERR_INVALID_OPTION", /misfire/],
    [() => ticks(schedule, clock, { misfireLimit: 0 }), "ERR_INVALID_OPTION", /misfireLimit/],
    [() => ticks(schedule, clock, { grace: -1 }), "ERR_INVALID_DURATION", /grace/],
    [() => ticks(schedule, clock, { from: 1 } as never), "ERR_INVALID_OPTION", /no option "from"/],
  ];
  for (const [call, code, message] of refused) {
    assert.throws(call, (error: unknown) => {
      return error instanceof OstinatoError && error.code === code && message.test(error.message);
    });
  }
});

test.run();
