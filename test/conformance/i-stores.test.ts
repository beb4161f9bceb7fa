// time limit: 60 s
import { memoryStore, type Queue, type QueueOptions, type RevisionMap, type Store } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable, type Breakable } from "../helpers/breakable-store";
import { codeOf, collect, worker, type Worker } from "../helpers/polls";
import { inMemory, onEveryStore, type World } from "../helpers/world";

interface Node extends Worker {
  /** Its own way to each store. */
  readonly ways: Breakable[];
}

/** Nodes that share a queue which lives on these stores. */
async function nodes(
  world: World,
  stores: Store[],
  count: number,
  options: Partial<QueueOptions> = {},
): Promise<Node[]> {
  const all: Node[] = [];
  for (let index = 0; index < count; index += 1) {
    const ways = stores.map(breakable);
    const given = { partitions: 6, stores: ways.map(({ store }) => store), ...options };
    all.push({ ...(await worker(world, given, { nodeId: `node${String(index)}` })), ways });
  }
  await world.clock.advance("5s");
  return all;
}

/** By store, ids whose tasks live there. */
async function idsByStore(queue: Queue, stores: number, each: number, at: number): Promise<string[][]> {
  const found: string[][] = Array.from({ length: stores }, () => []);
  for (let index = 0; found.some((ids) => ids.length < each); index += 1) {
    const id = `t${String(index)}`;
    await queue.assign({ id, payload: 1, at });
    const ids = found[((await queue.get(id))?.partition ?? 0) % stores];
    if (ids !== undefined && ids.length < each) ids.push(id);
    else await queue.remove(id);
  }
  return found;
}

const runsOf = (all: readonly Node[], ids: readonly string[]): number[] =>
  ids.map((id) => all.reduce((sum, { ran }) => sum + ran.filter((one) => one.id === id).length, 0));
const times = (count: number, runs: number): number[] => new Array<number>(count).fill(runs);

for (const outage of ["3s", "2m"] as const) {
  inMemory(`I13 a store is down for ${outage}: its tasks wait, the others run, and none runs twice`, async (world) => {
    const all = await nodes(world, [memoryStore(), memoryStore(), memoryStore()], 2);
    const [{ queue }] = all as [Node];
    const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
    const [first = [], second = [], third = []] = await idsByStore(queue, 3, 8, start + 4_000);
    await world.clock.advanceTo(start + 2_500);
    for (const { ways } of all) ways[1]?.cut();
    await world.clock.advanceTo(start + 5_400);
    assert.equal(runsOf(all, [...first, ...third]), times(16, 1));
    assert.equal(runsOf(all, second), times(8, 0));
    assert.is(await codeOf(queue.assign({ id: second[0] ?? "", payload: 2 })), "ERR_STORE_UNAVAILABLE");
    assert.is(await codeOf(queue.remove(second[0] ?? "")), "ERR_STORE_UNAVAILABLE");
    assert.is(await queue.assign({ id: first[0] ?? "", payload: 2 }), "created");
    await world.clock.advance(outage);
    assert.equal(runsOf(all, second), times(8, 0));
    for (const { ways } of all) ways[1]?.mend();
    await world.clock.advance("1m");
    assert.equal(runsOf(all, second), times(8, 1));
    assert.equal(runsOf(all, [...first.slice(1), ...third]), times(15, 1));
    assert.equal(runsOf(all, first.slice(0, 1)), [2], "it was assigned twice");
    assert.is(await queue.size(), 0);
    assert.equal(await collect(queue.deadLetters()), []);
  });
}

inMemory(
  "I13 a run that ends while its store is down is written down when that returns, and is not run again",
  async (world) => {
    const all = await nodes(world, [memoryStore(), memoryStore()], 2, { run: () => world.pause(2_000) });
    const [{ queue }] = all as [Node];
    const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
    const [first = [], second = []] = await idsByStore(queue, 2, 10, start + 3_000);
    await world.clock.advanceTo(start + 4_000);
    assert.equal(runsOf(all, [...first, ...second]), times(20, 1));
    for (const { ways } of all) ways[1]?.cut();
    await world.clock.advance("2m");
    for (const { ways } of all) ways[1]?.mend();
    await world.clock.advance("2m");
    assert.equal(runsOf(all, [...first, ...second]), times(20, 1));
    assert.is(await queue.size(), 0);
  },
);

inMemory(
  "I13 who reaches a store again first leaves the others the time to write down what has ended there",
  async (world) => {
    const all = await nodes(world, [memoryStore(), memoryStore()], 2, { run: () => world.pause(2_000) });
    const [{ queue, ways: earlier }, { ways: later }] = all as [Node, Node];
    const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
    const [, second = []] = await idsByStore(queue, 2, 10, start + 3_000);
    await world.clock.advanceTo(start + 4_000);
    for (const ways of [earlier, later]) ways[1]?.cut();
    await world.clock.advance("2m");
    earlier[1]?.mend();
    await world.clock.advance("1s");
    later[1]?.mend();
    await world.clock.advance("2m");
    assert.equal(runsOf(all, second), times(10, 1));
    assert.is(await queue.size(), 0);
  },
);

inMemory("I13 runs that cannot be written down keep no worker from the tasks of other stores", async (world) => {
  const all = await nodes(world, [memoryStore(), memoryStore()], 1, { concurrency: 2, run: () => world.pause(1_000) });
  const [{ queue, ways }] = all as [Node];
  const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
  const [first = [], second = []] = await idsByStore(queue, 2, 4, start + 60_000);
  for (const id of second) await queue.assign({ id, payload: 1, at: start + 3_000 });
  await world.clock.advanceTo(start + 3_500);
  ways[1]?.cut();
  for (const id of first) await queue.assign({ id, payload: 1, at: start + 5_000 });
  await world.clock.advanceTo(start + 5_500);
  assert.equal(runsOf(all, first), [1, 1, 0, 0]);
  await world.clock.advanceTo(start + 6_500);
  assert.equal(runsOf(all, first), times(4, 1));
  await world.clock.advance("1m");
  ways[1]?.mend();
  await world.clock.advance("1m");
  assert.equal(runsOf(all, second), times(4, 1));
});

inMemory(
  "I13 without claims too, no more is begun in a store that is down than was when that was noticed",
  async (world) => {
    const options = { claim: false, concurrency: 5 };
    const all = await nodes(world, [memoryStore(), memoryStore()], 1, options);
    const [{ queue, ways, ran }] = all as [Node];
    const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
    const [first = [], second = []] = await idsByStore(queue, 2, 100, start + 4_000);
    await world.clock.advanceTo(start + 3_500);
    ways[1]?.cut();
    await world.clock.advanceTo(start + 5_500);
    assert.equal(runsOf(all, first), times(100, 1));
    assert.ok(ran.length <= 100 + 15, `${String(ran.length - 100)} of the store that is down were run`);
    await world.clock.advance("2m");
    ways[1]?.mend();
    await world.clock.advance("1m");
    assert.equal(runsOf(all, second), times(100, 1));
    assert.is(await queue.size(), 0);
  },
);

for (const moment of ["1s", "1m"] as const) {
  inMemory(`I13 a stop ${moment} after a store went down waits no longer than a lease for it`, async (world) => {
    const all = await nodes(world, [memoryStore(), memoryStore()], 1, { run: () => world.pause(500) });
    const [{ queue, ways }] = all as [Node];
    const start = Math.ceil(world.clock.now() / 1_000) * 1_000;
    const ids = (await idsByStore(queue, 2, 3, start + 3_000)).flat();
    await world.clock.advanceTo(start + 3_200);
    ways[1]?.cut();
    await world.clock.advance(moment);
    const before = world.clock.now();
    const stopped = queue.stopExecuting().then(() => world.clock.now() - before);
    await world.clock.advance("1m");
    assert.ok((await stopped) <= 11_000, String(await stopped));
    ways[1]?.mend();
    await queue.startExecuting();
    await world.clock.advance("1m");
    assert.ok(runsOf(all, ids).every((runs) => runs >= 1 && runs <= 2));
    assert.is(await queue.size(), 0);
  });
}

inMemory(
  "I13 a store that was down at the start joins when it comes, and others must be of the same number",
  async (world) => {
    const stores = [memoryStore(), memoryStore()];
    const ways = stores.map(breakable);
    ways[1]?.cut();
    const { queue, ran } = await worker(world, { stores: ways.map(({ store }) => store) });
    const codes = new Set<string>();
    for (let index = 0; index < 40; index += 1) {
      codes.add(await codeOf(queue.assign({ id: `t${String(index)}`, payload: 1 })));
    }
    assert.equal([...codes].sort(), ["ERR_STORE_UNAVAILABLE", "accepted"]);
    assert.is(await codeOf(queue.size()), "ERR_STORE_UNAVAILABLE", "half a number would be wrong");
    await world.clock.advance("10s");
    const before = ran.length;
    ways[1]?.mend();
    await world.clock.advance("10s");
    for (let index = 0; index < 40; index += 1) await queue.assign({ id: `t${String(index)}`, payload: 1 });
    await world.clock.advance("10s");
    assert.is(ran.length, before + 40);
    const others = [stores.slice(0, 1), [...stores].reverse(), [...stores, memoryStore()]];
    for (const other of others) {
      assert.is(await codeOf(world.runtime().queue({ name: "polls", stores: other })), "ERR_QUEUE_MISMATCH");
    }
  },
);

/** The store, and what is asked of it: `<call> <map> <key>`. */
function counted(store: Store): { store: Store; calls: string[] } {
  const calls: string[] = [];
  const wrap = (name: string, map: RevisionMap): RevisionMap => {
    const note = (call: string, key: string): void => void calls.push(`${call} ${name} ${key}`);
    return {
      get: (key) => (note("get", key), map.get(key)),
      create: (key, value) => (note("create", key), map.create(key, value)),
      update: (key, value, revision) => (note("update", key), map.update(key, value, revision)),
      delete: (key, revision) => (note("delete", key), map.delete(key, revision)),
      list: (prefix) => (note("list", prefix), map.list(prefix)),
      watch: (prefix, listener) => (note("watch", prefix), map.watch(prefix, listener)),
    };
  };
  const { description, shared = true } = store;
  return {
    calls,
    store: {
      ...{ description, shared },
      open: () => store.open(),
      map: (name) => wrap(name, store.map(name)),
      epoch: (map) => store.epoch(map),
      onEvent: (listener) => store.onEvent(listener),
      close: () => store.close(),
    },
  };
}

inMemory(
  "I14 a queue with nothing due asks its store for nothing in an idle minute but to renew its leases",
  async (world) => {
    const { store, calls } = counted(memoryStore());
    const { queue, ran } = await worker(world, {}, { store });
    const idle = async (): Promise<string[]> => {
      await world.clock.advance("30s");
      calls.length = 0;
      await world.clock.advance("1m");
      return [...calls];
    };
    const renewals = (all: readonly string[]): void => {
      const about = /^update leases (queue\.polls\.(node\.|p\.\d+$))|^update nodes /;
      assert.equal(
        all.filter((call) => !about.test(call)),
        [],
      );
      // Four partitions and the worker's own record, each about every third of a lease.
      assert.ok(all.length >= 5 * 17 && all.length <= 6 * 19, `${String(all.length)} in a minute`);
    };
    renewals(await idle());
    await queue.assignMany(Array.from({ length: 500 }, (_, at) => ({ id: String(at), payload: 1, at: 4e12 + at })));
    renewals(await idle());
    await queue.clear();
    await queue.assign({ id: "done", payload: 1 });
    renewals(await idle());
    assert.is(ran.length, 1);
  },
);

onEveryStore("I16 two queues on one store never meet", async (world) => {
  const names = ["polls", "polls-2", "p", "polls_node"];
  const workers = await Promise.all(names.map((name) => worker(world, { name })));
  for (const [index, { queue }] of workers.entries()) {
    assert.is(await queue.assign({ id: "same", payload: names[index] }), "created");
    assert.is(await queue.assign({ id: "later", payload: names[index], at: 4e12 }), "created");
  }
  assert.ok(await workers[0]?.queue.tryLock("same"));
  assert.ok(await workers[1]?.queue.tryLock("same"));
  await world.clock.advance("5s");
  for (const [index, { queue, ran }] of workers.entries()) {
    assert.equal(
      ran.map(({ payload }) => payload),
      [names[index]],
    );
    assert.equal(
      (await collect(queue.list())).map(({ payload }) => payload),
      [names[index]],
    );
  }
  assert.is(await workers[0]?.queue.clear(), 1);
  assert.equal(await Promise.all(workers.map(({ queue }) => queue.size())), [0, 1, 1, 1]);
});

test.run();
