import type { Assignment, Queue } from "ostinato";
import type { VirtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isTimedAhead, retimed } from "../../src/rules/retiming";
import { nextDue, readAssignment, readQueueRecord } from "../../src/rules/queue-record";
import { following } from "../../src/rules/completion";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const at = (instant: string): Date => new Date(`2026-01-${instant}Z`);
const bucket = 1_000;

interface Executed {
  readonly queue: Queue<string>;
  readonly runs: { id: string; at: string; due: number }[];
}

async function execute(world: World, clock: VirtualClock, run?: () => void): Promise<Executed> {
  const runtime = world.runtime({ clock });
  const runs: Executed["runs"] = [];
  const opened = runtime.queue<string>({
    name: "q",
    partitions: 2,
    lease: "9s",
    retry: { initialDelay: "2m", jitter: 0 },
    run: (_, { name, scheduledAt }) => {
      runs.push({ id: name, at: new Date(clock.now()).toISOString().slice(5, 16), due: scheduledAt.getTime() });
      run?.();
    },
  });
  await clock.advance(0);
  const queue = await opened;
  const started = runtime.start();
  await clock.advance("10s");
  await started;
  return { queue, runs };
}

const tasks: Assignment<string>[] = [
  { id: "every", payload: "", every: "1m" },
  { id: "cron", payload: "", cron: "* * * * *", timeZone: "UTC" },
  { id: "later", payload: "", at: at("05T10:00") },
];

onEveryStore(
  "assigned tasks go on when a clock that was days ahead is set right, and this is reported once",
  async (world) => {
    world.clock.setWall(at("05T09:00:20"));
    const { queue, runs } = await execute(world, world.clock);
    for (const task of tasks) await queue.assign(task);
    await world.clock.advance("5m");
    const count = (id: string): number => runs.filter((each) => each.id === id).length;
    assert.equal([count("every"), count("cron")], [6, 5]);
    world.clock.setWall(at("05T08:30:30"));
    await world.clock.advance("1220s");
    assert.equal([count("every"), count("cron"), count("later")], [6 + 20, 5 + 20, 0]);
    const warned = world.lines.filter(({ event }) => event === "WARNING").map(({ msg }) => msg);
    assert.is(warned.length, 1, warned.join("\n"));
    assert.match(warned[0] ?? "", /queue "q" were timed by a clock that is ahead/);
    await world.clock.advance("70m");
    assert.is(count("later"), 1);
    const dues = runs.filter(({ id }) => id === "cron").map(({ due }) => due);
    assert.is(new Set(dues).size, dues.length, "a time of the calendar was run twice");
  },
);

inMemory("what a node assigned or ran whose clock was ahead goes on at the node that takes over", async (world) => {
  const ahead = world.otherClock(at("05T09:00:30"));
  world.clock.setWall(at("01T09:00:30"));
  const wrong = await execute(world, ahead);
  await wrong.queue.assign({ id: "every", payload: "", every: "1m" });
  await wrong.queue.assign({ id: "once", payload: "", at: at("01T09:10") });
  await ahead.advance("3m");
  assert.ok(wrong.runs.length >= 4);
  await wrong.queue.stopExecuting();
  await wrong.queue.assign({ id: "now", payload: "" });
  const right = await execute(world, world.clock);
  await world.clock.advance("5m");
  const ids = right.runs.map(({ id }) => id);
  assert.is(ids.filter((id) => id === "now").length, 1);
  assert.ok(ids.filter((id) => id === "every").length >= 4, ids.join());
});

inMemory("a retry that a clock ahead timed comes after its delay", async (world) => {
  world.clock.setWall(at("05T09:00:30"));
  let failures = 1;
  const { queue, runs } = await execute(world, world.clock, () => {
    if (failures-- > 0) throw new Error("not yet");
  });
  await queue.assign({ id: "once", payload: "" });
  await world.clock.advance("1m");
  world.clock.setWall(at("01T09:00:00"));
  await world.clock.advance("3m");
  assert.is(runs.length, 2);
});

test("a record that was timed within a minute of this clock, or assigned for its time, stands as it is", () => {
  const now = at("01T09:00").getTime();
  const assigned = readAssignment({ id: "a", payload: 1, every: "1h" }, now, bucket);
  assert.not.ok(isTimedAhead(assigned, now - 60_000));
  assert.ok(isTimedAhead(assigned, now - 60_001));
  const later = readAssignment({ id: "a", payload: 1, at: now + 9e9, every: "1h" }, now, bucket);
  assert.not.ok(isTimedAhead(later, now - 9e9));
});

test("what was timed by a clock ahead is due as far from now as it was from then", () => {
  const then = at("05T09:00").getTime();
  const now = at("01T09:00").getTime();
  const record = readAssignment({ id: "a", payload: 1, every: "1h" }, then, bucket);
  assert.is(retimed(record, now).due, now);
  const next = following(record, then, "once");
  assert.is(next && retimed(next, now).due, now + 3_600_000);
  const retry = { ...record, attempt: 1, retryAt: then + 5_000 };
  assert.equal([retimed(retry, now).due, retimed(retry, now).retryAt], [now, now + 5_000]);
  const calendar = readAssignment({ id: "a", payload: 1, cron: "0 * * * *", timeZone: "UTC" }, then, bucket);
  assert.is(retimed(calendar, now).due, now + 3_600_000);
});

test("the times of a calendar that a clock ahead ran are passed over when they come", () => {
  const run = readAssignment(
    { id: "a", payload: 1, cron: "0 * * * *", timeZone: "UTC" },
    at("05T08:30").getTime(),
    bucket,
  );
  const next = following(run, at("05T09:30").getTime(), "once");
  assert.ok(next);
  const back = retimed(next, at("05T08:10").getTime());
  assert.is(back.due, at("05T10:00").getTime());
  assert.is(nextDue(retimed(next, at("05T06:10").getTime()), at("05T07:30").getTime()), at("05T08:00").getTime());
});

test("a record whose calendar or period cannot be read is none of ours", () => {
  const record = { v: 1, id: "a", payload: 1, due: 5, attempt: 0 };
  for (const more of [
    { cron: "never" },
    { cron: "* * * * *", timeZone: "Mars/Base" },
    { every: 0 },
    { every: "1m" },
    { every: null },
  ]) {
    assert.is(readQueueRecord(JSON.stringify({ ...record, ...more })), undefined, JSON.stringify(more));
  }
  assert.equal(readQueueRecord(JSON.stringify({ ...record, rows: [[1]] })), record);
});

test.run();
