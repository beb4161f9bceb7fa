import type { QueueEvent } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { worker, type Worker } from "../helpers/polls";
import { inMemory, type World } from "../helpers/world";

/** What was told about runs that are overdue, each with the seconds since `start`. */
function heard({ queue }: Worker, world: World): [string, string | undefined, number][] {
  const told: [string, string | undefined, number][] = [];
  const start = world.clock.now();
  queue.events.subscribe((event: QueueEvent) => {
    if (event.type !== "overdue" && event.type !== "recovered") return;
    told.push([event.type, event.id, Math.round((world.clock.now() - start) / 1_000)]);
  });
  return told;
}

/** Runs that end when they are told to. */
function holding(): { run: () => Promise<void>; end: () => void } {
  const ends: (() => void)[] = [];
  return { run: () => new Promise((resolve) => ends.push(resolve)), end: () => ends.shift()?.() };
}

inMemory("N23 a queue run that goes on after its timeout is overdue, and recovers when it ends", async (world) => {
  const { run, end } = holding();
  const hung = await worker(world, { timeout: "2s", run });
  await world.clock.advance("20s");
  const told = heard(hung, world);
  await hung.queue.assign({ id: "hung", payload: null });
  await world.clock.advance("30s");
  assert.equal(
    told.map(([type, id]) => [type, id]),
    [["overdue", "hung"]],
  );
  assert.ok(told[0]![2] >= 7 && told[0]![2] <= 10, `told after ${String(told[0]![2])} s`);
  assert.equal(hung.queue.stats()?.overdue, { "the run has not ended after its timeout": 1 });
  const line = world.lines.find(({ event }) => event === "OVERDUE");
  assert.equal([line?.level, line?.task, line?.reason], [50, "hung", "the run has not ended after its timeout"]);
  end();
  await world.clock.advance("1s");
  assert.equal(
    told.map(([type]) => type),
    ["overdue", "recovered"],
  );
  assert.equal(hung.queue.stats()?.overdue, {});
  assert.ok(world.lines.some(({ event }) => event === "RECOVERED"));
});

inMemory("N23 a repeating task whose next time passes while it runs is overdue", async (world) => {
  const { run, end } = holding();
  const hung = await worker(world, { run });
  await world.clock.advance("20s");
  const told = heard(hung, world);
  await hung.queue.assign({ id: "slow", payload: null, every: "20s" });
  await world.clock.advance("25s");
  assert.equal(told, [], "half a period is left");
  await world.clock.advance("10s");
  assert.equal(
    told.map(([type, id]) => [type, id]),
    [["overdue", "slow"]],
  );
  end();
  await world.clock.advance("1s");
  assert.is(told.at(-1)?.[0], "recovered");
});

inMemory("N23 a one-shot without timeout is overdue after five minutes, or what the queue says", async (world) => {
  const { run } = holding();
  const patient = await worker(world, { run });
  const strict = await worker(world, { name: "strict", run, overdue: "10s" });
  await world.clock.advance("20s");
  const told = [heard(patient, world), heard(strict, world)];
  for (const { queue } of [patient, strict]) await queue.assign({ id: "long", payload: null });
  await world.clock.advance("20s");
  assert.equal(
    told.map((each) => each.length),
    [0, 1],
  );
  await world.clock.advance("5m");
  assert.equal(
    told.map((each) => each.length),
    [1, 1],
    "each once",
  );
});

inMemory("N23 places that are all taken while tasks wait and no run ends are reported", async (world) => {
  const { run, end } = holding();
  const stuck = await worker(world, { run, concurrency: 2, lease: "5s" });
  await world.clock.advance("20s");
  const told = heard(stuck, world);
  await stuck.queue.assignMany([1, 2].map((id) => ({ id: `hung ${String(id)}`, payload: null })));
  await world.clock.advance("1m");
  assert.equal(told, [], "nobody waits for a place");
  await stuck.queue.assign({ id: "waits", payload: null });
  await world.clock.advance("5s");
  assert.equal(
    told.map(([type, id]) => [type, id]),
    [["overdue", undefined]],
  );
  end();
  await world.clock.advance("1s");
  assert.is(told.at(-1)?.[0], "recovered");
});

test.run();
