import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { View } from "../../src/cluster/view";
import { freshRecord, type TaskRecord } from "../../src/rules/task-record";
import { memoryStore } from "../../src/stores/memory";
import { Tenure } from "../../src/supervision/tenure";
import { faultyMap } from "../helpers/faulty-map";

const lease = 12_000;
const key = "task.t";

/** A node that has just claimed its task, at 0 on the clock, over a network that can be made bad. */
async function claimed() {
  const clock = virtualClock();
  const inner = memoryStore().map("leases");
  const map = faultyMap(inner, clock);
  const view = new View(map, "task.", clock);
  const record: TaskRecord = { ...freshRecord(0), holder: "a", lease, runId: "run1", tick: 0, state: "running" };
  const written = await inner.create(key, JSON.stringify(record));
  const revision = written.ok ? written.revision : 0;
  const lost: { at: number; why: string }[] = [];
  const tenure = new Tenure({
    claims: {
      key,
      lease,
      clock,
      random: () => 0.5,
      onLost: (error) => lost.push({ at: clock.monotonic(), why: error.message }),
      warn: () => undefined,
    },
    place: { map, view, epoch: 0, failed: () => undefined, answered: () => undefined },
    record,
    revision,
    token: 7,
    startedAt: 0,
  });
  const stored = async () => {
    const entry = await inner.get(key);
    return { revision: entry?.revision ?? 0, record: JSON.parse(entry?.value ?? "{}") as TaskRecord };
  };
  const steal = async () => {
    const { revision: at, record: found } = await stored();
    await inner.update(key, JSON.stringify({ ...found, holder: "b", runId: "run2" }), at);
  };
  return { clock, map, tenure, lost, stored, steal, record };
}

test("A claim is renewed every third of the lease, and not before", async () => {
  const { clock, map, tenure, lost, stored } = await claimed();
  await clock.advance(3_999);
  assert.is(map.calls, 0);
  await clock.advance(lease * 10);
  assert.is(map.calls, 30);
  assert.is((await stored()).record.renewals, 30);
  assert.equal(lost, []);
  tenure.giveUp();
  await clock.advance(lease);
  assert.is(clock.pending(), 0);
});

test("A claim that cannot be renewed is lost at two thirds of its lease, and stays lost", async () => {
  const { clock, map, lost } = await claimed();
  map.cut(true);
  await clock.advance(7_999);
  assert.equal(lost, []);
  await clock.advance(1);
  assert.equal(lost.length, 1);
  assert.match(lost[0]?.why ?? "", /could not be renewed in time/);
  map.cut(false);
  await clock.advance(lease * 3);
  assert.is(lost.length, 1);
  assert.is(clock.pending(), 0);
});

test("A cut that ends before two thirds costs nothing", async () => {
  const { clock, map, tenure, lost } = await claimed();
  await clock.advance(3_000);
  map.cut(true);
  await clock.advance(4_000);
  map.cut(false);
  await clock.advance(lease * 2);
  assert.equal(lost, []);
  tenure.giveUp();
});

test("A renewal that was applied although its answer was lost counts from its own start", async () => {
  const { clock, map, lost } = await claimed();
  map.faults.push("unanswered");
  await clock.advance(4_000);
  map.cut(true);
  await clock.advance(7_999);
  assert.equal(lost, []);
  await clock.advance(1);
  assert.is(lost[0]?.at, 12_000);
});

test("One that is applied late, after the next was lost, counts from its own start and not from the next one's", async () => {
  const { clock, map, lost, stored } = await claimed();
  map.lateBy = 600;
  map.faults.push("late", "unavailable", "lost");
  await clock.advance(4_600);
  assert.is((await stored()).record.renewals, 1);
  await clock.advance(900);
  map.cut(true);
  await clock.advance(lease);
  assert.is(lost[0]?.at, 12_000);
});

test("A renewal that is applied late, after the claim was taken, is refused, and the loss is noticed", async () => {
  const { clock, map, lost, steal, stored } = await claimed();
  map.lateBy = 2_000;
  map.faults.push("late");
  await clock.advance(4_000);
  await steal();
  await clock.advance(3_000);
  assert.match(lost[0]?.why ?? "", /another node has taken it/);
  assert.is((await stored()).record.runId, "run2");
});

test("A run that outlived its time limit keeps its claim for two thirds more and is not renewed", async () => {
  const { clock, map, tenure, lost } = await claimed();
  await clock.advance(6_000);
  const before = map.calls;
  tenure.stopRenewing();
  await clock.advance(5_999);
  assert.equal(lost, []);
  await clock.advance(1);
  assert.match(lost[0]?.why ?? "", /outlived its time limit/);
  assert.is(map.calls, before);
});

test("Its end is stored after a renewal under way, once, through lost answers, and never over somebody else's", async () => {
  const { clock, map, tenure, stored, record } = await claimed();
  map.latency = 100;
  await clock.advance(4_050);
  const ended: TaskRecord = { ...record, holder: "", state: "done" };
  map.faults.push("unanswered");
  const end = tenure.end(ended);
  await clock.advance(2_000);
  const revision = await end;
  assert.equal(await stored(), { revision, record: JSON.parse(JSON.stringify(ended)) as TaskRecord });
  assert.is(clock.pending(), 0);

  const other = await claimed();
  await other.steal();
  const refused = other.tenure.end({ ...other.record, holder: "" });
  await other.clock.advance(1_000);
  assert.is(await refused, undefined);
  assert.is((await other.stored()).record.runId, "run2");
});

test.run();
