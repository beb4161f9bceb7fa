import { createEmptyActor } from "xstate";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OwnedPartition } from "../../src/queue/owned-partition";
import type { Shard } from "../../src/queue/shard";
import type { RevisionMap, WatchListener } from "../../src/store";
import { memoryStore } from "../../src/stores/memory";

/** A partition over a store of which the test tells what its watch says beside the truth. */
async function partitionOver(valid: () => boolean) {
  const clock = virtualClock();
  const store = memoryStore();
  await store.open();
  const inner = store.map("tasks-q");
  let heard: WatchListener | undefined;
  const map: RevisionMap = {
    get: (key) => inner.get(key),
    create: (key, value) => inner.create(key, value),
    update: (key, value, revision) => inner.update(key, value, revision),
    delete: (key, revision) => inner.delete(key, revision),
    list: (prefix) => inner.list(prefix),
    watch: (prefix, listener) => inner.watch(prefix, (heard = listener)),
  };
  let loaded = 0;
  const partition = new OwnedPartition({
    queue: "q",
    number: 3,
    shard: { store, tasks: { map, epoch: () => 1 } } as Shard,
    lease: { token: 7, valid },
    parent: createEmptyActor(),
    node: "here",
    onChange: () => undefined,
    onRenewed: () => undefined,
    onLoaded: () => (loaded += 1),
    warn: (message, error) => assert.unreachable(`${message}: ${error.message}`),
    pause: () => new Promise((resolve) => void clock.setTimeout(resolve, 1_000)),
  });
  partition.open();
  return {
    clock,
    partition,
    inner,
    loaded: () => loaded,
    watch: () => heard as WatchListener,
    end: async () => {
      partition.leave("the test is over");
      await clock.advance("2s");
      await partition.close();
      await store.close();
    },
  };
}

test("a partition is loaded once its fence was written and delivered", async () => {
  const { clock, partition, inner, loaded, end } = await partitionOver(() => true);
  assert.is(partition.state, "loading");
  await clock.advance(1);
  assert.equal([partition.state, loaded()], ["serving", 1]);
  assert.ok((await inner.get("3."))?.value.includes('"fence":7'));
  await end();
});

test("a store that was in doubt, and has lost the fence since, is fenced anew", async () => {
  const { clock, partition, inner, loaded, watch, end } = await partitionOver(() => true);
  await clock.advance(1);
  await inner.delete("3.", (await inner.get("3."))?.revision ?? 0);
  watch().doubt();
  assert.is(partition.state, "loading");
  watch().current();
  await clock.advance(1);
  assert.equal([partition.state, loaded()], ["serving", 2]);
  await end();
});

test("who has to leave before the fence is written does not write it", async () => {
  const { clock, partition, inner, end } = await partitionOver(() => false);
  partition.leave("the lease was lost");
  await clock.advance("5s");
  assert.is(partition.state, "draining");
  assert.is(await inner.get("3."), undefined);
  await end();
});

test.run();
