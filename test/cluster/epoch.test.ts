import { test } from "uvu";
import * as assert from "uvu/assert";
import { epochMap } from "../../src/cluster/epoch";
import type { Store, Written } from "../../src/store";
import { memoryStore } from "../../src/stores/memory";

/** A shared store that can be made anew, and counts how often it is asked when it was created. */
function shared() {
  let inner = memoryStore().map("m");
  const world = { epoch: 100, asked: 0, makeAnew };
  function makeAnew(): void {
    inner = memoryStore().map("m");
    world.epoch += 50;
  }
  const store: Store = {
    ...memoryStore(),
    shared: true,
    epoch: () => {
      world.asked += 1;
      return Promise.resolve(world.epoch);
    },
    map: () => ({
      get: (key) => inner.get(key),
      create: (key, value) => inner.create(key, value),
      update: (key, value, revision) => inner.update(key, value, revision),
      delete: (key, revision) => inner.delete(key, revision),
      list: (prefix) => inner.list(prefix),
      watch: (prefix, listener) => inner.watch(prefix, listener),
    }),
  };
  return { store, world };
}

function revisionOf(written: Written): number {
  assert.ok(written.ok);
  return written.ok ? written.revision : 0;
}

const quiet = { current() {}, doubt() {} };

test("The epoch is asked for once while revisions grow, also where the watch tells of a write before its answer", async () => {
  const { store, world } = shared();
  const { map, epoch } = await epochMap(store, "m");
  let heard = 0;
  const watch = map.watch("", { ...quiet, change: () => (heard += 1) });
  let revision = revisionOf(await map.create("k", "0"));
  for (let index = 0; index < 20; index += 1) {
    const [own] = await Promise.all([map.update("k", String(index), revision), map.create(`o${String(index)}`, "")]);
    revision = revisionOf(own);
  }
  await watch.close();
  assert.ok(heard > 0);
  assert.is(world.asked, 1);
  assert.is(epoch(), 100);
});

test("A write that gets an old revision is answered once the new epoch is known", async () => {
  const { store, world } = shared();
  const { map, epoch } = await epochMap(store, "m");
  for (const key of ["a", "b", "c"]) revisionOf(await map.create(key, ""));
  world.makeAnew();
  assert.is(epoch(), 100);
  revisionOf(await map.create("a", ""));
  assert.is(epoch(), 150);
  revisionOf(await map.create("b", ""));
  assert.is(world.asked, 2);
});

test("What only the watch has seen counts too: a node that has not written yet notices", async () => {
  const { store, world } = shared();
  const other = store.map("m");
  for (const key of ["a", "b", "c"]) revisionOf(await other.create(key, ""));
  const { map, epoch } = await epochMap(store, "m");
  await new Promise<void>((resolve) => {
    map.watch("", { ...quiet, change: () => undefined, current: resolve });
  });
  world.makeAnew();
  revisionOf(await map.create("d", ""));
  assert.is(epoch(), 150);
});

test("A store of this process alone is used as it is", async () => {
  const store = memoryStore();
  const inner = store.map("m");
  const { map, epoch } = await epochMap({ ...store, map: () => inner }, "m");
  assert.is(map, inner);
  assert.is(epoch(), 0);
});

test.run();
