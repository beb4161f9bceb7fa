import { readFileSync } from "node:fs";
import { join } from "node:path";
import { interval, type RevisionMap, type Store } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable } from "../helpers/breakable-store";
import { inMemory, onEveryStore } from "../helpers/world";

const { version } = JSON.parse(readFileSync(join(__dirname, "../../package.json"), "utf8")) as { version: string };

/** The store, with every write to a map counted under the map's name. */
function counting(store: Store): { store: Store; writes: Record<string, number> } {
  const writes: Record<string, number> = {};
  const wrap = (name: string, map: RevisionMap): RevisionMap => {
    const count = <T>(result: T): T => {
      writes[name] = (writes[name] ?? 0) + 1;
      return result;
    };
    return {
      get: (key) => map.get(key),
      create: (key, value) => count(map.create(key, value)),
      update: (key, value, revision) => count(map.update(key, value, revision)),
      delete: (key, revision) => count(map.delete(key, revision)),
      list: (prefix) => map.list(prefix),
      watch: (prefix, listener) => map.watch(prefix, listener),
    };
  };
  return { writes, store: { ...store, map: (name) => wrap(name, store.map(name)) } };
}

onEveryStore("the live nodes of a shared store are known with their versions and what they run", async (world) => {
  const [a, b] = ["a", "b"].map((nodeId) => world.runtime({ nodeId })) as [
    ReturnType<typeof world.runtime>,
    ReturnType<typeof world.runtime>,
  ];
  let release = (): void => undefined;
  a.spawn({
    name: "long",
    schedule: interval("1h"),
    run: () => new Promise<void>((resolve) => (release = resolve)),
  });
  await Promise.all([a.start(), b.start()]);
  await world.clock.advance("2s");
  const shared = world.store.shared === true;
  const ids = (runtime: typeof a) => runtime.nodes().map(({ id }) => id);
  assert.equal(ids(a), shared ? ["a", "b"] : ["a"]);
  assert.equal(ids(b), shared ? ["b", "a"] : ["b"]);
  const [self, other] = b.nodes();
  assert.is(self?.self, true);
  assert.is(self?.pid, process.pid);
  assert.is(self?.version, version);
  assert.equal(self?.startedAt, new Date(world.clock.now() - 2_000));
  assert.equal(self?.holds, []);
  if (shared) {
    assert.is(other?.self, false);
    assert.equal(other?.holds, ["long"]);
  }
  assert.equal(a.nodes()[0]?.holds, ["long"]);
  release();
  await world.clock.advance("1s");
  assert.equal(a.nodes()[0]?.holds, []);
  await a.stop();
  await world.clock.advance(1);
  assert.equal(ids(b), ["b"], "who stops is gone at once");
});

onEveryStore("a node that died is gone after a minute, and its record does not stay for ever", async (world) => {
  const clock = world.otherClock();
  const way = breakable(world.store);
  const dead = world.runtime({ nodeId: "dead", clock, store: way.store });
  await dead.start();
  await clock.advance(1);
  way.cut();
  const alive = world.runtime({ nodeId: "alive" });
  await alive.start();
  await world.clock.advance("58s");
  if (world.store.shared === true) assert.is(alive.nodes().length, 2);
  await world.clock.advance("5s");
  assert.is(alive.nodes().length, 1);
  await world.clock.advance("10m");
  const left: string[] = [];
  for await (const { key } of world.store.map("nodes").list("")) left.push(key);
  assert.equal(left, world.store.shared === true ? ["node.alive"] : []);
});

onEveryStore("an exclusive task that is idle writes nothing, and a node three times a minute", async (world) => {
  const { store, writes } = counting(world.store);
  const nodes = ["a", "b", "c"].map((nodeId) => world.runtime({ nodeId, store }));
  for (const node of nodes) node.spawn({ name: "idle", schedule: interval("24h"), run: () => undefined });
  for (const node of nodes) await node.start();
  await world.clock.advance("1m");
  const before = { ...writes };
  await world.clock.advance("10m");
  assert.is(writes["leases"], before["leases"]);
  const shared = world.store.shared === true;
  assert.is((writes["nodes"] ?? 0) - (before["nodes"] ?? 0), shared ? 90 : 0);
});

onEveryStore(
  "a task that only some nodes have is claimed by those alone, beside a newer set of tasks",
  async (world) => {
    const ran: string[] = [];
    const node = (nodeId: string, names: string[]) => {
      const runtime = world.runtime({ nodeId });
      for (const name of names) {
        runtime.spawn({ name, schedule: interval("1m"), run: () => ran.push(`${name} on ${nodeId}`) });
      }
      return runtime;
    };
    const old = node("old", ["both", "removed"]);
    const young = node("young", ["both", "added"]);
    await Promise.all([old.start(), young.start()]);
    await world.clock.advance("10m");
    const count = (what: string) => ran.filter((run) => run.startsWith(what)).length;
    assert.is(count("both"), 11);
    assert.is(count("removed on old"), 11);
    assert.is(count("added on young"), 11);
    assert.is(ran.length, 33);
    await old.stop();
    ran.length = 0;
    await world.clock.advance("5m");
    assert.equal([count("both on young"), count("added on young"), ran.length], [5, 5, 10]);
  },
);

inMemory("a store that cannot be reached costs the list of nodes and nothing else", async (world) => {
  const store: Store = { ...world.store, shared: true, open: () => Promise.reject(new Error("no way")) };
  const runtime = world.runtime({ store });
  await runtime.start().then(
    () => assert.unreachable(),
    () => undefined,
  );
  assert.is(runtime.nodes().length, 1);
});

test.run();
