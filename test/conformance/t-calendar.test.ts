import {
  cron,
  daily,
  interval,
  monthly,
  parseSchedule,
  systemClock,
  weekly,
  type Misfire,
  type Schedule,
} from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inMemory, type World } from "../helpers/world";

const hour = 3_600_000;
const timeZone = "UTC";

/** The next `count` runs. */
function runs(schedule: Schedule, after: string, count: number): string[] {
  const found: string[] = [];
  let at: Date | undefined = new Date(after);
  while (found.length < count && (at = schedule.next(at)) !== undefined) found.push(short(at));
  return found;
}

function short(at: Date): string {
  return at.toISOString().replace(/:00\.000Z$/, "Z");
}

/** A runtime with one task that notes at which time of the wall it ran, and for which tick. */
async function record(
  world: World,
  schedule: Schedule,
  options: { takes?: number; misfire?: Misfire } = {},
): Promise<{ starts: string[]; ticks: string[]; stop: () => Promise<void> }> {
  const { takes = 0, misfire = "once" } = options;
  const starts: string[] = [];
  const ticks: string[] = [];
  const runtime = world.runtime();
  runtime.spawn({
    name: "calendar",
    schedule,
    misfire,
    run: async ({ scheduledAt }) => {
      starts.push(short(new Date(world.clock.now())));
      ticks.push(short(scheduledAt));
      if (takes > 0) await world.pause(takes);
    },
  });
  await runtime.start();
  return { starts, ticks, stop: () => runtime.stop() };
}

inMemory("T11 daily at 12:00, looked at from 10:00, runs today at 12:00", async (world) => {
  const noon = daily({ hour: 12, timeZone });
  assert.equal(runs(noon, "2026-01-01T10:00Z", 2), ["2026-01-01T12:00Z", "2026-01-02T12:00Z"]);
  await world.clock.advanceTo("2026-01-01T10:00Z");
  const { starts } = await record(world, noon);
  await world.clock.advanceTo("2026-01-02T11:59Z");
  assert.equal(starts, ["2026-01-01T12:00Z"]);
});

inMemory("T11 last run yesterday and started at 00:01, it waits for today's 12:00", async (world) => {
  const noon = daily({ hour: 12, timeZone });
  const first = await record(world, noon);
  await world.clock.advanceTo("2026-01-01T13:00Z");
  await first.stop();
  assert.equal(first.starts, ["2026-01-01T12:00Z"]);
  await world.clock.advanceTo("2026-01-02T00:01Z");
  const second = await record(world, noon);
  await world.clock.advanceTo("2026-01-02T11:59Z");
  assert.equal(second.starts, []);
  await world.clock.advanceTo("2026-01-02T12:01Z");
  assert.equal(second.starts, ["2026-01-02T12:00Z"]);
});

inMemory("T11 a run that crosses midnight loses no day", async (world) => {
  const { starts } = await record(world, daily({ hour: 23, minute: 30, timeZone }), { takes: hour });
  await world.clock.advanceTo("2026-01-05T00:00Z");
  assert.equal(starts, ["2026-01-01T23:30Z", "2026-01-02T23:30Z", "2026-01-03T23:30Z", "2026-01-04T23:30Z"]);
});

test("T12 day 31 is the month's last day, and December is followed by January", () => {
  const last = monthly({ day: 31, hour: 12, timeZone });
  assert.equal(runs(last, "2026-01-31T12:00Z", 4), [
    "2026-02-28T12:00Z",
    "2026-03-31T12:00Z",
    "2026-04-30T12:00Z",
    "2026-05-31T12:00Z",
  ]);
  assert.equal(runs(last, "2028-01-31T12:00Z", 1), ["2028-02-29T12:00Z"]);
  assert.equal(runs(last, "2026-12-31T12:00Z", 1), ["2027-01-31T12:00Z"]);
  assert.equal(runs(monthly({ day: -1, hour: 12, timeZone }), "2026-01-31T12:00Z", 1), ["2026-02-28T12:00Z"]);
});

test("T12 without a time of day, calendar schedules mean midnight", () => {
  assert.equal(runs(monthly({ day: 1, timeZone }), "2026-01-01T00:00Z", 2), ["2026-02-01T00:00Z", "2026-03-01T00:00Z"]);
  assert.equal(runs(daily({ timeZone }), "2026-01-31T12:00Z", 2), ["2026-02-01T00:00Z", "2026-02-02T00:00Z"]);
  assert.equal(runs(weekly({ day: "monday", timeZone }), "2026-01-01T00:00Z", 1), ["2026-01-05T00:00Z"]);
  assert.equal(runs(daily({ minute: 30, timeZone }), "2026-01-31T12:00Z", 1), ["2026-02-01T00:30Z"]);
  const here = new Date("2026-01-31T12:00Z");
  for (const schedule of [daily(), daily({}), parseSchedule("daily"), parseSchedule("daily()")]) {
    assert.equal(schedule.next(here), daily({ hour: 0 }).next(here));
  }
});

test("T12 day 29 runs in every February", () => {
  const schedule = monthly({ day: 29, hour: 12, timeZone });
  assert.equal(runs(schedule, "2027-01-29T12:00Z", 2), ["2027-02-28T12:00Z", "2027-03-29T12:00Z"]);
  assert.equal(runs(schedule, "2028-01-29T12:00Z", 2), ["2028-02-29T12:00Z", "2028-03-29T12:00Z"]);
});

inMemory("T13 monthly work and an interval of 40 days do not run early", async (world) => {
  const month = await record(world, monthly({ day: 31, hour: 12, timeZone }));
  await world.clock.advanceTo("2026-03-31T11:59Z");
  assert.equal(month.starts, ["2026-01-31T12:00Z", "2026-02-28T12:00Z"]);
  await month.stop();
});

inMemory("T13 an interval of 40 days does not run early", async (world) => {
  const { starts } = await record(world, interval("40d"));
  await world.clock.advanceTo("2026-03-23T00:00Z");
  assert.equal(starts, ["2026-01-01T00:00Z", "2026-02-10T00:00Z", "2026-03-22T00:00Z"]);
});

test("T13 a timer of the real clock past 24.8 days does not ring at once, as Node's own would", async () => {
  let rang = false;
  const timer = systemClock.setTimeout(() => (rang = true), 40 * 24 * hour);
  await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 20));
  systemClock.clearTimeout(timer);
  assert.not.ok(rang);
});

// T14 over all zones and changes: test/schedules/every-change.test.ts.
test("T14 times that a gap skips run at the first instant after it, as one run", () => {
  const paris = { timeZone: "Europe/Paris" };
  assert.equal(runs(daily({ hour: 2, minute: 30, ...paris }), "2026-03-28T02:00Z", 2), [
    "2026-03-29T01:00Z",
    "2026-03-30T00:30Z",
  ]);
  assert.equal(runs(cron("*/10 2 * * *", paris), "2026-03-28T01:50Z", 2), ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]);
  assert.equal(runs(daily({ hour: 0, timeZone: "Africa/Cairo" }), "2026-04-23T12:00Z", 1), ["2026-04-23T22:00Z"]);
});

test("T14 a time that an overlap repeats runs at its first occurrence only", () => {
  const paris = { timeZone: "Europe/Paris" };
  assert.equal(runs(daily({ hour: 2, minute: 30, ...paris }), "2026-10-24T12:00Z", 2), [
    "2026-10-25T00:30Z",
    "2026-10-26T01:30Z",
  ]);
  assert.equal(runs(cron("*/30 2 * * *", paris), "2026-10-24T12:00Z", 3), [
    "2026-10-25T00:00Z",
    "2026-10-25T00:30Z",
    "2026-10-26T01:00Z",
  ]);
});

test("T14 a day that the zone skips altogether has no run", () => {
  assert.equal(runs(daily({ hour: 12, timeZone: "Pacific/Apia" }), "2011-12-29T12:00Z", 3), [
    "2011-12-29T22:00Z",
    "2011-12-30T22:00Z",
    "2011-12-31T22:00Z",
  ]);
});

test("T14 work that repeats by elapsed time goes on through both changes", () => {
  for (const change of ["2026-03-29T01:00Z", "2026-10-25T01:00Z"]) {
    const begin = new Date(change).getTime() - 2 * hour;
    const steps = Array.from({ length: 16 }, (_, index) => short(new Date(begin + ((index + 1) * hour) / 4)));
    const quarters = cron("*/15 * * * *", { timeZone: "Europe/Paris" });
    assert.equal(runs(quarters, new Date(begin).toISOString(), 16), steps);
    assert.equal(runs(interval("15m"), new Date(begin).toISOString(), 16), steps);
  }
});

inMemory("T14 the wall set back by an hour repeats no run, and set forth by an hour misses none", async (world) => {
  const { clock } = world;
  await clock.advanceTo("2026-01-01T11:00Z");
  const { ticks } = await record(world, daily({ hour: 12, timeZone }));
  await clock.advanceTo("2026-01-01T12:30Z");
  clock.setWall("2026-01-01T11:30Z");
  await clock.advanceTo("2026-01-02T11:30Z");
  assert.equal(ticks, ["2026-01-01T12:00Z"]);
  clock.setWall("2026-01-02T12:30Z");
  await clock.advance("1m");
  assert.equal(ticks, ["2026-01-01T12:00Z", "2026-01-02T12:00Z"]);
  await clock.advanceTo("2026-01-03T12:01Z");
  assert.equal(ticks, ["2026-01-01T12:00Z", "2026-01-02T12:00Z", "2026-01-03T12:00Z"]);
});

for (const text of ["*/15 * * * *", "7 * * * *", "*/20 8-18 * * *"]) {
  inMemory(`T14 ${text}: no tick runs twice while the wall goes back and forth`, async (world) => {
    const { clock } = world;
    await clock.advanceTo("2026-01-01T09:00Z");
    const { ticks } = await record(world, parseSchedule(text, { timeZone }));
    const stretches = [0];
    for (const jump of [-hour, hour, hour, -hour, -hour]) {
      await clock.advance("50m");
      clock.setWall(clock.now() + jump);
      stretches.push(ticks.length);
    }
    await clock.advance("3h");
    assert.is(new Set(ticks).size, ticks.length, `a tick ran twice: ${ticks.join(" ")}`);
    // Between two jumps ticks run in order. After a jump back, those of the hour that have not run yet may follow.
    stretches.forEach((from, index) => {
      const ofStretch = ticks.slice(from, stretches[index + 1]);
      assert.equal([...ofStretch].sort(), ofStretch);
    });
    // The last hour lies past all jumps: nothing of it is missing.
    const end = clock.now();
    const expected = runs(parseSchedule(text, { timeZone }), new Date(end - hour).toISOString(), 10);
    const inside = expected.filter((at) => new Date(at).getTime() <= end);
    assert.equal(ticks.slice(-inside.length), inside);
  });
}

inMemory("T14 an interval keeps its period whichever way the wall is set", async (world) => {
  const { clock } = world;
  const { starts } = await record(world, interval("1h"));
  const elapsed: number[] = [];
  for (const jump of [0, -hour, hour]) {
    clock.setWall(clock.now() + jump);
    const before = starts.length;
    await clock.advance("5h");
    elapsed.push(starts.length - before);
  }
  // An hour forth is a tick missed, which "once" makes up for; an hour back repeats none.
  assert.equal(elapsed.slice(0, 2), [6, 5]);
  assert.ok((elapsed[2] as number) >= 5 && (elapsed[2] as number) <= 6, String(elapsed));
});

const suspends: [misfire: Misfire, ticks: string[]][] = [
  ["once", ["2026-01-01T12:00Z", "2026-01-04T12:00Z", "2026-01-05T12:00Z"]],
  ["skip", ["2026-01-01T12:00Z", "2026-01-05T12:00Z"]],
];
for (const [misfire, expected] of suspends) {
  inMemory(`T14 after a suspend of three days, misfire "${misfire}" is kept and no more`, async (world) => {
    const { clock } = world;
    const { ticks } = await record(world, daily({ hour: 12, timeZone }), { misfire });
    await clock.advanceTo("2026-01-01T18:00Z");
    // Elapsed time stands while a machine sleeps.
    clock.setWall("2026-01-04T18:00Z");
    await clock.advanceTo("2026-01-05T12:01Z");
    assert.equal(ticks, expected);
  });
}

inMemory('T14 after a suspend of three days, misfire "all" runs each missed day once', async (world) => {
  const { clock } = world;
  const ticks: string[] = [];
  const runtime = world.runtime();
  runtime.spawn({
    name: "calendar",
    schedule: daily({ hour: 12, timeZone }),
    misfire: "all",
    misfireMaxAge: "7d",
    run: ({ scheduledAt }) => void ticks.push(short(scheduledAt)),
  });
  await runtime.start();
  await clock.advanceTo("2026-01-01T18:00Z");
  clock.setWall("2026-01-04T18:00Z");
  await clock.advanceTo("2026-01-05T12:01Z");
  assert.equal(
    ticks,
    ["01", "02", "03", "04", "05"].map((day) => `2026-01-${day}T12:00Z`),
  );
});

test.run();
