import { cron, daily, interval, type Runtime, type Schedule, type SpawnSpec } from "ostinato";
import type { VirtualClock } from "ostinato/testing";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const everyMinute = cron("* * * * *", { timeZone: "UTC" });
const at = (instant: string): Date => new Date(`2026-01-${instant}Z`);

interface Node {
  readonly runtime: Runtime;
  readonly runs: string[];
  readonly ticks: number[];
}

/** A started node that writes down when it ran the task `t`, by its own clock, and which ticks. */
async function node(
  world: World,
  schedule: Schedule,
  { id = "node", clock = world.clock, ...spec }: Partial<SpawnSpec> & { id?: string; clock?: VirtualClock } = {},
): Promise<Node> {
  const runtime = world.runtime({ nodeId: id, clock, lease: "3s" });
  const [runs, ticks]: [string[], number[]] = [[], []];
  runtime.spawn({
    name: "t",
    schedule,
    retry: { jitter: 0 },
    run: ({ scheduledAt }) => {
      runs.push(new Date(clock.now()).toISOString().slice(5, 16));
      ticks.push(scheduledAt.getTime());
    },
    ...spec,
  });
  const started = runtime.start();
  await clock.advance(0);
  await started;
  return { runtime, runs, ticks };
}

async function stop({ runtime }: Node, clock: VirtualClock): Promise<void> {
  const stopped = runtime.stop();
  await clock.advance("1s");
  await stopped;
}

const warnings = (world: World): string[] =>
  world.lines.filter(({ event }) => event === "WARNING").map(({ msg }) => msg);
const overdue = (world: World): string[] =>
  world.lines.filter(({ event }) => event === "OVERDUE").map(({ reason }) => String(reason));
function assertOnce(ticks: readonly number[]): void {
  const twice = ticks.filter((tick, index) => ticks.indexOf(tick) !== index);
  assert.equal(
    twice.map((tick) => new Date(tick).toISOString()),
    [],
    "ticks that were run twice",
  );
}

// A schedule that a deploy changes.

const sundays = cron("0 2 * * 0", { timeZone: "UTC" });
const noon = (timeZone: string): Schedule => daily({ hour: 12, timeZone });

for (const [change, before, after, expected] of [
  ["another cron", sundays, cron("0 12 * * *", { timeZone: "UTC" }), ["01-22T12:00", "01-23T12:00"]],
  ["another zone", noon("Asia/Tokyo"), noon("America/New_York"), ["01-21T17:00", "01-22T17:00", "01-23T17:00"]],
  ["an anchored interval", sundays, interval("1d", { anchor: at("01T09:00") }), ["01-22T09:00", "01-23T09:00"]],
  ["an interval instead of a calendar", sundays, interval("20h"), ["01-22T06:00", "01-23T02:00"]],
  ["a shorter interval", interval("50h"), interval("24h"), ["01-22T14:00", "01-23T14:00"]],
] as const) {
  for (const misfire of ["once", "all"] as const) {
    const row = `a deploy that brings ${change} runs nothing for times before it (misfire ${misfire})`;
    inMemory(row, async (world) => {
      await world.clock.advanceTo(at("17T10:00"));
      const first = await node(world, before, { misfire });
      await world.clock.advanceTo(at("21T16:30"));
      await stop(first, world.clock);
      const second = await node(world, after, { misfire });
      await world.clock.advanceTo(at("23T18:00"));
      assert.equal(second.runs, expected);
      assert.equal(warnings(world), []);
    });
  }
}

inMemory("N22 what a changed schedule misses after its deploy was missed", async (world) => {
  await world.clock.advanceTo(at("17T10:00"));
  const first = await node(world, sundays);
  await world.clock.advanceTo(at("21T18:00"));
  await stop(first, world.clock);
  await stop(await node(world, noon("UTC")), world.clock);
  await world.clock.advanceTo(at("22T15:00"));
  const third = await node(world, noon("UTC"));
  await world.clock.advanceTo(at("23T15:00"));
  assert.equal(third.runs, ["01-22T15:00", "01-23T12:00"]);
});

inMemory("N22 a record of a version that knew no schedules behaves as it did", async (world) => {
  await world.clock.advanceTo(at("17T10:00"));
  const first = await node(world, sundays);
  await world.clock.advanceTo(at("21T18:00"));
  await stop(first, world.clock);
  await world.store.open();
  const map = world.store.map("leases");
  const entry = await map.get("task.t");
  const { schedule, rows, ...old } = JSON.parse(entry?.value ?? "{}") as Record<string, unknown>;
  assert.is(schedule, 'cron("0 2 * * 0", { timeZone: "UTC" })');
  assert.ok(rows);
  await map.update("task.t", JSON.stringify(old), entry?.revision ?? 0);
  await world.store.close();
  const second = await node(world, noon("UTC"));
  await world.clock.advanceTo(at("22T18:00"));
  assert.equal(second.runs, ["01-21T18:00", "01-22T12:00"]);
});

inMemory("a rolling deploy that changes a schedule leads to one warning, which says what it means", async (world) => {
  await world.clock.advanceTo(at("17T10:00"));
  const old = await node(world, sundays, { id: "old" });
  await world.clock.advanceTo(at("21T18:00"));
  const young = await node(world, noon("UTC"), { id: "new" });
  await world.clock.advance("8m");
  await stop(old, world.clock);
  await world.clock.advanceTo(at("23T18:00"));
  assert.equal([old.runs, young.runs], [["01-18T02:00"], ["01-22T12:00", "01-23T12:00"]]);
  const [warning, ...others] = warnings(world);
  assert.equal(others, []);
  assert.match(warning ?? "", /expected while a deploy changes the schedule.*two services share the name/);
  const again = await node(world, noon("UTC"), { id: "newer" });
  await world.clock.advance("1d");
  assert.equal([again.runs.length + young.runs.length, warnings(world).length], [3, 1]);
});

// Two services with one name.

for (const [kind, one, other] of [
  ["intervals", interval("2m"), interval("8m")],
  ["a slow one that came first", interval("1h"), interval("10m")],
  ["calendars", everyMinute, cron("30 * * * *", { timeZone: "UTC" })],
  ["a calendar and an interval", sundays, interval("5m")],
  ["one cron in two zones", noon("UTC"), noon("Asia/Tokyo")],
] as const) {
  onEveryStoreOr(kind === "intervals")(
    `two services that use one name with different schedules are both warned, once: ${kind}`,
    async (world) => {
      await node(world, one, { id: "shop" });
      await node(world, other, { id: "billing" });
      await world.clock.advance(kind === "intervals" ? "20m" : "12h");
      const told = warnings(world);
      assert.is(told.length, 2, told.join("\n"));
      for (const schedule of [one, other]) {
        assert.ok(
          told.some((text) => text.startsWith(`"t" runs by ${schedule.toString()} on this node`)),
          told.join("\n"),
        );
      }
    },
  );
}

function onEveryStoreOr(every: boolean): typeof inMemory {
  return every ? onEveryStore : inMemory;
}

inMemory("services that use one name with the same schedule are not warned", async (world) => {
  for (const id of ["a", "b", "c"]) await node(world, everyMinute, { id });
  await world.clock.advance("2h");
  assert.equal(warnings(world), []);
});

// A clock that was ahead.

onEveryStore(
  "a calendar goes on when a clock that was days ahead is set right, says so, and repeats nothing",
  async (world) => {
    world.clock.setWall(at("05T09:00:30"));
    const { runs, ticks } = await node(world, everyMinute);
    await world.clock.advance("5m");
    assert.is(runs.length, 5);
    world.clock.setWall(at("05T08:30:30"));
    await world.clock.advance("2h");
    // All but the five that were run ahead of time, and none of the first seconds.
    assert.is(runs.length, 5 + 120 - 5);
    assertOnce(ticks);
    assert.is(overdue(world).length, 1);
    assert.match(overdue(world)[0] ?? "", /counts from 2026-01-05T09:05:00.000Z, 35m ahead of this node's clock/);
    assert.ok(world.events("t").includes("RECOVERED"));
  },
);

inMemory("a node that starts after the clock was set right goes on too", async (world) => {
  world.clock.setWall(at("05T09:00:30"));
  const first = await node(world, daily({ hour: 9, timeZone: "UTC" }), { misfire: "all" });
  await world.clock.advance("25h");
  await stop(first, world.clock);
  assert.equal(first.runs, ["01-06T09:00"]);
  world.clock.setWall(at("01T10:00"));
  const second = await node(world, daily({ hour: 9, timeZone: "UTC" }), { misfire: "all" });
  await world.clock.advance("10d");
  const days = ["02", "03", "04", "05", "07", "08", "09", "10", "11"];
  assert.equal(
    second.runs,
    days.map((day) => `01-${day}T09:00`),
  );
});

inMemory("one node whose clock is days ahead does not silence the others, alive or gone", async (world) => {
  const ahead = world.otherClock(at("05T09:00:30"));
  world.clock.setWall(at("01T09:00:30"));
  const both = async (minutes: number): Promise<void> => {
    for (let step = 0; step < minutes * 6; step++) for (const clock of [world.clock, ahead]) await clock.advance("10s");
  };
  const right = await node(world, everyMinute, { id: "right" });
  await both(3);
  const wrong = await node(world, everyMinute, { id: "wrong", clock: ahead });
  await both(10);
  assert.ok(right.runs.length >= 3 + 4, String(right.runs.length));
  assert.ok(wrong.runs.length >= 9 && wrong.runs.length <= 12, String(wrong.runs.length));
  assert.match(overdue(world).join(), /last run by node wrong, counts from .* 4d ahead/);
  assert.match(warnings(world).join(), /clocks of two nodes .* differ: 2026-01-05.* here, 2026-01-01.* on node right/);
  await stop(wrong, ahead);
  const before = right.runs.length;
  await both(10);
  assert.ok(right.runs.length >= before + 9, String(right.runs.length - before));
  assertOnce([...right.ticks, ...wrong.ticks]);
  assert.is(overdue(world).length + warnings(world).length, 2);
});

inMemory("a node whose clock is an hour behind repeats nothing that the others ran", async (world) => {
  const behind = world.otherClock(at("01T08:00:30"));
  world.clock.setWall(at("01T06:00:30"));
  const right = await node(world, everyMinute, { id: "right" });
  await world.clock.advanceTo(at("01T09:00:30"));
  const wrong = await node(world, everyMinute, { id: "wrong", clock: behind });
  for (let step = 0; step < 600; step++) for (const clock of [world.clock, behind]) await clock.advance("1s");
  assert.equal([right.runs.length, wrong.runs.length], [190, 0]);
  assertOnce(right.ticks);
});

inMemory("N21 clocks seconds apart are no reason to run anything twice, or to report anything", async (world) => {
  const other = world.otherClock(new Date(world.clock.now() + 20_000));
  const everySecond = cron("* * * * * *", { timeZone: "UTC" });
  const spec = { minCycle: "200ms", maxCycle: "1m" } as const;
  const first = await node(world, everySecond, { id: "a", ...spec });
  const second = await node(world, everySecond, { id: "b", clock: other, ...spec });
  for (let step = 0; step < 600; step++) for (const clock of [world.clock, other]) await clock.advance("100ms");
  assertOnce([...first.ticks, ...second.ticks]);
  assert.equal([overdue(world), warnings(world)], [[], []]);
});

inMemory("a clock that is set back while a run lasts, or while a retry waits, holds nothing up", async (world) => {
  world.clock.setWall(at("05T09:00:30"));
  const attempts: string[] = [];
  await node(world, everyMinute, {
    retry: { initialDelay: "5m", jitter: 0 },
    run: async ({ attempt }) => {
      attempts.push(new Date(world.clock.now()).toISOString().slice(5, 16));
      await world.pause(1_000);
      if (attempts.length === 1) throw new Error(`attempt ${String(attempt)}`);
    },
  });
  await world.clock.advance("2m");
  world.clock.setWall(at("01T09:00:30"));
  await world.clock.advance("5m");
  assert.equal(attempts, ["01-05T09:01", "01-01T09:04", "01-01T09:05"]);
  await world.clock.advance("30500ms");
  world.clock.setWall(at("01T06:00:00"));
  await world.clock.advance("5m");
  assert.ok(attempts.length >= 8, attempts.join());
});

inMemory("a record that a clock ahead made, and nobody has run yet, is counted from now on", async (world) => {
  world.clock.setWall(at("05T09:00:30"));
  await stop(await node(world, daily({ hour: 12, timeZone: "UTC" })), world.clock);
  world.clock.setWall(at("01T09:00:30"));
  const { runs } = await node(world, daily({ hour: 12, timeZone: "UTC" }));
  await world.clock.advance("1d");
  assert.equal(runs, ["01-01T12:00"]);
});

inMemory("a clock that is set back by hand repeats nothing, and the wait is reported", async (world) => {
  const { runs, ticks } = await node(world, everyMinute);
  await world.clock.advance("3h");
  world.clock.setWall(new Date(world.clock.now() - 3_600_000));
  await world.clock.advance("1h");
  const before = runs.length;
  await world.clock.advance("10m");
  assert.equal([before, runs.length], [180, 190]);
  assertOnce(ticks);
  assert.is(overdue(world).length, 1);
});

inMemory("an interval whose clock was ahead goes on by elapsed time, and the difference is reported", async (world) => {
  world.clock.setWall(at("05T09:00"));
  const { runs } = await node(world, interval("10m"));
  await world.clock.advance("15m");
  world.clock.setWall(at("01T09:15"));
  await world.clock.advance("1h");
  assert.is(runs.length, 2 + 6);
  assert.is(overdue(world).length, 1);
});

test.run();
