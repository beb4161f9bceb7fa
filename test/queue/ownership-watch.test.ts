import {
  memoryStore,
  type QueueEvent,
  type RevisionMap,
  type RuntimeEvent,
  type Store,
  type WatchListener,
} from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { worker, type Worker } from "../helpers/polls";
import { troubledStore } from "../helpers/troubled-store";
import { inMemory, type World } from "../helpers/world";

const lease = 3_000;

/** What a worker tells of partitions that are not served, in short. */
function troubleOf({ queue, runtime }: Worker) {
  const queueEvents: QueueEvent[] = [];
  const runtimeEvents: RuntimeEvent[] = [];
  queue.events.subscribe((event) => queueEvents.push(event));
  runtime.events.subscribe((event) => runtimeEvents.push(event));
  const short = (events: (QueueEvent | RuntimeEvent)[]): unknown[] =>
    events.flatMap((event) =>
      event.type === "unserved" || event.type === "served" ? [[event.type, event.partitions, event.reason]] : [],
    );
  return { queue: () => short(queueEvents), runtime: () => short(runtimeEvents) };
}

/** A store of which the first watch on one prefix never says that it has delivered everything. */
function deafOn(store: Store, prefix: string): { store: Store; watches: () => number } {
  let watches = 0;
  const wrap = (map: RevisionMap): RevisionMap => ({
    get: (key) => map.get(key),
    create: (key, value) => map.create(key, value),
    update: (key, value, revision) => map.update(key, value, revision),
    delete: (key, revision) => map.delete(key, revision),
    list: (given) => map.list(given),
    watch: (given, listener: WatchListener) => {
      if (given !== prefix) return map.watch(given, listener);
      watches += 1;
      return watches > 1 ? map.watch(given, listener) : { close: () => Promise.resolve() };
    },
  });
  return { store: { ...store, map: (name) => wrap(store.map(name)) }, watches: () => watches };
}

inMemory(
  "a partition whose owner does not load it is reported after two leases, loaded again, and runs",
  async (world) => {
    const { store, watches } = deafOn(memoryStore(), "2.");
    const node = await worker(world, { lease, stores: [store] });
    const trouble = troubleOf(node);
    await world.clock.advance(lease);
    for (let index = 0; index < 20; index += 1) await node.queue.assign({ id: `t${String(index)}`, payload: 1 });
    await world.clock.advance(lease);
    assert.ok(node.ran.length > 0 && node.ran.length < 20);
    assert.equal(trouble.queue(), []);
    assert.is(node.queue.stats()?.unserved, 0);
    await world.clock.advance(2 * lease);
    const unserved = ["unserved", [2], "its owner has not loaded it yet"];
    const served = ["served", [2], "its owner has not loaded it yet"];
    assert.equal(trouble.queue(), [unserved, served]);
    assert.equal(trouble.runtime(), [unserved, served]);
    assert.is(watches(), 2);
    assert.is(node.ran.length, 20);
    assert.is(node.queue.stats()?.unserved, 0);
    const lines = world.lines.filter(({ event }) => event === "UNSERVED" || event === "SERVED");
    assert.match(
      lines[0]?.msg ?? "",
      /^nobody has served 1 partition of "polls" for \d+\.\d s: its owner has not loaded it/,
    );
    assert.match(lines[1]?.msg ?? "", /^1 partition of "polls" served again after/);
  },
);

inMemory("a partition that the worker it falls to cannot claim is claimed by another one", async (world) => {
  const ways = [troubledStore(world.store, world.clock), troubledStore(world.store, world.clock)];
  const nodes: Worker[] = [];
  for (const [index, way] of ways.entries()) {
    nodes.push(await worker(world, { lease, stores: [way.store] }, { nodeId: `node${String(index)}` }));
  }
  await world.clock.advance(lease);
  const [one, other] = nodes as [Worker, Worker];
  const isOf = (name: string) => (owner: string | undefined) => owner?.startsWith(name) === true;
  const partition = one.queue.owners().findIndex(isOf("node0"));
  assert.ok(partition >= 0);
  const trouble = troubleOf(other);
  // Its renewals fail, the partition is lost, and can not be claimed by it again.
  (ways[0] as (typeof ways)[0]).refused = `.p.${String(partition)}`;
  await world.clock.advance(lease);
  const { revision } = (await world.store.map("leases").get(`queue.polls.p.${String(partition)}`)) ?? { revision: 0 };
  await world.store.map("leases").delete(`queue.polls.p.${String(partition)}`, revision);
  await world.clock.advance(3.5 * lease);
  assert.ok(isOf("node1")(other.queue.owners()[partition]));
  assert.is(trouble.queue().length, 2);
  assert.is(other.queue.stats()?.unserved, 0);
  await world.clock.advance(5 * lease);
  assert.ok(isOf("node1")(other.queue.owners()[partition]), "it is kept, although the other one's share is smaller");
});

inMemory(
  "a lease under the name of a live worker that knows nothing of it holds a partition up no longer than a lease",
  async (world) => {
    const nodes: Worker[] = [];
    for (const nodeId of ["node0", "node1"]) nodes.push(await worker(world, { lease }, { nodeId }));
    await world.clock.advance(2 * lease);
    const [{ queue }] = nodes as [Worker];
    const owners = queue.owners();
    const partition = owners.findIndex((owner) => owner?.startsWith("node1"));
    const ghost = owners.find((owner) => owner?.startsWith("node0")) ?? "";
    const map = world.store.map("leases");
    const key = `queue.polls.p.${String(partition)}`;
    const { revision = 0 } = (await map.get(key)) ?? {};
    const record = { holder: ghost, boot: "ghost", tenure: 1, lease, acquired: 1, renewals: 0 };
    assert.ok((await map.update(key, JSON.stringify(record), revision)).ok);
    await world.clock.advance(lease + 5_000);
    const owned = nodes.reduce((sum, node) => sum + (node.queue.stats()?.owned ?? 0), 0);
    assert.is(owned, 4);
    assert.is(
      nodes.reduce((sum, node) => sum + (node.queue.stats()?.loading ?? 0), 0),
      0,
    );
  },
);

const quiet = (world: World, node: Worker): void => {
  assert.equal(troubleOf(node).queue(), []);
  assert.equal(
    world.lines.filter(({ event }) => event === "UNSERVED"),
    [],
  );
};

inMemory("a queue that is started, joined and left in good order reports nothing", async (world) => {
  const first = await worker(world, { lease }, { nodeId: "first" });
  await world.clock.advance(3 * lease);
  const second = await worker(world, { lease }, { nodeId: "second" });
  await world.clock.advance(3 * lease);
  const stopped = second.runtime.stop();
  await world.clock.advance(3 * lease);
  await stopped;
  quiet(world, first);
});

test.run();
