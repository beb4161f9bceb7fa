import { memoryStore, type Store } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { worker } from "../helpers/polls";
import { inMemory } from "../helpers/world";

/** A store in which nothing is deleted before it is let go. */
function stuckStore(): { store: Store; letGo: () => void } {
  const inner = memoryStore();
  let letGo = (): void => undefined;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  const map: Store["map"] = (name) => {
    const all = inner.map(name);
    return {
      get: (key) => all.get(key),
      create: (key, value) => all.create(key, value),
      update: (key, value, revision) => all.update(key, value, revision),
      delete: (key, revision) => gone.then(() => all.delete(key, revision)),
      list: (prefix) => all.list(prefix),
      watch: (prefix, listener) => all.watch(prefix, listener),
    };
  };
  return { store: { ...inner, map }, letGo };
}

inMemory(
  "while ends of runs cannot be written down, a bounded number is begun; then all of the rest",
  async (world) => {
    const { store, letGo } = stuckStore();
    const concurrency = 50;
    const { queue, ran } = await worker(world, { stores: [store], concurrency });
    const count = 3_000;
    await queue.assignMany(Array.from({ length: count }, (_, n) => ({ id: `job ${String(n)}`, payload: null })));
    await world.clock.advance("5s");
    assert.ok(ran.length >= concurrency, "workers do not wait for each end");
    assert.ok(ran.length <= 1_024 + concurrency, `${String(ran.length)} were begun`);
    letGo();
    await world.clock.advance("5s");
    assert.is(new Set(ran.map(({ id }) => id)).size, count);
    assert.is(ran.length, count);
  },
);

test.run();
