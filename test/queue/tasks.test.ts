import { memoryStore } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Alarms } from "../../src/alarms";
import { parseQueue } from "../../src/queue/options";
import { Shards } from "../../src/queue/shards";
import { AssignedTasks } from "../../src/queue/tasks";

async function tasksOf() {
  const clock = virtualClock();
  const store = memoryStore();
  const settings = parseQueue({ name: "q", partitions: 4 }, store);
  const shards = await Shards.open(settings, clock, new Alarms(clock));
  return { tasks: new AssignedTasks(settings, shards, clock), shards };
}

const message = (sequence: number, epoch = 1) => ({ epoch, sequence });

test("a message that comes again, or after a later one, changes nothing", async () => {
  const { tasks } = await tasksOf();
  const assign = (payload: string, mark?: ReturnType<typeof message>) => tasks.assign({ id: "a", payload }, mark);
  const payload = async (): Promise<unknown> => (await tasks.get("a"))?.payload;
  assert.is(await assign("of message 5", message(5)), "created");
  assert.is(await assign("by a call"), "updated");
  assert.is(await assign("of message 5", message(5)), "updated");
  assert.is(await payload(), "by a call");
  await assign("of message 7", message(7));
  await assign("of message 6", message(6));
  assert.is(await payload(), "of message 7");
  assert.ok(await tasks.remove("a", message(6)));
  assert.is(await payload(), "of message 7");
  assert.ok(await tasks.remove("a", message(8)));
  assert.is(await payload(), undefined);
});

test("messages of a stream that was made anew are counted anew", async () => {
  const { tasks } = await tasksOf();
  await tasks.assign({ id: "a", payload: "old" }, message(100, 1));
  await tasks.assign({ id: "a", payload: "new" }, message(1, 2));
  assert.is((await tasks.get("a"))?.payload, "new");
});

test("a task that is assigned again while it runs goes on being run by who runs it", async () => {
  const { tasks, shards } = await tasksOf();
  await tasks.assign({ id: "a", payload: "first" });
  const { shard, key } = shards.place("a");
  const entry = await shard.tasks.map.get(key);
  const claimed = { ...(JSON.parse(entry?.value ?? "") as object), run: { id: "r", owner: 1, node: "here" } };
  await shard.tasks.map.update(key, JSON.stringify(claimed), entry?.revision ?? 0);
  await tasks.assign({ id: "a", payload: "second" });
  const { payload, running, node } = (await tasks.get("a")) ?? {};
  assert.equal([payload, running, node], ["second", true, "here"]);
});

test("known tasks and new ones may come in any order", async () => {
  const { tasks } = await tasksOf();
  const outcomes: string[] = [];
  for (const id of ["a", "a", "b", "b", "a", "c"]) outcomes.push(await tasks.assign({ id, payload: null }));
  assert.equal(outcomes, ["created", "updated", "created", "updated", "updated", "created"]);
});

test.run();
