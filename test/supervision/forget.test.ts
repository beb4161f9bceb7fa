import { interval, openTaskRecords, type OstinatoError, type TaskRecords } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { mayHaveName, tellNames } from "../../src/rules/known-names";
import { onEveryStore, type World } from "../helpers/world";

const task = { name: "report", schedule: interval("1h"), run: () => undefined };

/** The code that `forget` is refused with, or "forgotten"; the clock goes on until it is decided. */
async function forget(world: World, records: TaskRecords, name: string, patience: string): Promise<string> {
  let told: string | undefined;
  void records.forget(name).then(
    () => (told = "forgotten"),
    (error: unknown) => (told = (error as OstinatoError).code),
  );
  await world.clock.advance("10ms");
  if (told === undefined) await world.clock.advance(patience as "1s");
  return told ?? "undecided";
}

onEveryStore(
  "a task that was removed from the code is forgotten, and one that a live node has is not",
  async (world) => {
    const before = world.runtime({ nodeId: "before" });
    before.spawn(task);
    before.spawn({ ...task, name: "other" });
    await before.start();
    await world.clock.advance("2s");
    const records = await openTaskRecords(world.store, world.clock);
    assert.is(await forget(world, records, "report", "30s"), "ERR_TASK_IN_USE");
    assert.is(await forget(world, records, "nobody", "30s"), "ERR_UNKNOWN_TASK");
    await before.stop();

    const after = world.runtime({ nodeId: "after" });
    after.spawn({ ...task, name: "other" });
    await after.start();
    await world.clock.advance("2s");
    assert.is(await forget(world, records, "report", "90s"), "forgotten");
    assert.is(await forget(world, records, "other", "30s"), "ERR_TASK_IN_USE");
    assert.equal(
      (await records.list()).map(({ name }) => name),
      ["other"],
    );
    assert.is(await forget(world, records, "report", "90s"), "ERR_UNKNOWN_TASK");
    const again = after.spawn(task);
    await world.clock.advance("1s");
    assert.is(again.status().history.length, 1);
    await after.stop();
  },
);

test("a node's record proves which tasks it does not have; an unreadable record proves nothing", () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `task ${String(index)}`);
  const told = tellNames(names);
  for (const name of names) assert.ok(mayHaveName(told, name));
  const others = Array.from({ length: 2_000 }, (_, index) => `other ${String(index)}`);
  assert.ok(others.filter((name) => mayHaveName(told, name)).length <= 1);
  assert.not.ok(mayHaveName(tellNames([]), "task 1"));
  for (const unknown of [undefined, null, 7, {}]) assert.ok(mayHaveName(unknown, "task 1"));
  assert.is(tellNames(new Array<string>(50_001).fill("x")), null);
});

test.run();
