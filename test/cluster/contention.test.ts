import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { contention } from "../../src/cluster/contention";
import type { QueueSettings } from "../../src/queue/options";
import type { Shards } from "../../src/queue/shards";
import { AssignedTasks } from "../../src/queue/tasks";
import type { RevisionMap } from "../../src/store";

test("A few conflicts are answered at once, more of them with longer and longer pauses", async () => {
  const clock = virtualClock();
  const conflict = contention(clock);
  let tries = 0;
  void (async () => {
    for (; tries < 1_000; await conflict()) tries += 1;
  })();
  await clock.advance(0);
  assert.is(tries, 5);
  await clock.advance("1m");
  assert.ok(tries > 50 && tries < 200, `${String(tries)} tries in a minute`);
});

test("A store that refuses the very revision which it tells is not asked in a busy loop", async () => {
  const clock = virtualClock();
  let asked = 0;
  const record = JSON.stringify({ v: 1, id: "a", payload: 1, due: 0, attempt: 0 });
  const refuse = (): Promise<{ ok: false }> => Promise.resolve({ ok: false });
  const map = {
    get: (key: string) => {
      asked += 1;
      return Promise.resolve({ key, value: record, revision: 7 });
    },
    ...{ create: refuse, update: refuse, delete: refuse },
  } as unknown as RevisionMap;
  const shards = { place: () => ({ shard: { tasks: { map } }, key: "0.a" }), bucket: 1_000 } as unknown as Shards;
  const tasks = new AssignedTasks({ schema: undefined } as QueueSettings, shards, clock);
  void tasks.assign({ id: "a", payload: 2 });
  void tasks.remove("a");
  void tasks.runNow("a", 1);
  await clock.advance("1m");
  assert.ok(asked > 100 && asked < 600, `asked ${String(asked)} times in a minute`);
});

test.run();
