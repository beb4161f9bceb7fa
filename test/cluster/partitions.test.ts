import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Lease } from "../../src/cluster/lease";
import { Membership } from "../../src/cluster/membership";
import { Partitions } from "../../src/cluster/partitions";
import { OstinatoError } from "../../src/errors";
import { patience } from "../../src/rules/lease";
import { cluster, length, type Cluster, type Node } from "./support";

const about = { host: "host", pid: 1, version: "1.0.0", started: 0 };

class Worker {
  readonly node: Node;
  readonly leases = new Map<number, Lease>();
  readonly lost: number[] = [];
  readonly drained: number[] = [];
  /** What drains wait for. */
  busy: Promise<void> = Promise.resolve();
  readonly membership: Membership;
  readonly partitions: Partitions;

  constructor(
    readonly world: Cluster,
    name: string,
    count = 8,
  ) {
    const node = (this.node = world.node(name));
    const shared = { map: node.map, view: node.view, clock: world.clock, epoch: 0, lease: length };
    this.membership = new Membership({ ...shared, id: name, about });
    this.partitions = new Partitions({
      ...shared,
      queue: "q",
      partitions: Array.from({ length: count }, (_, index) => index),
      membership: this.membership,
      random: () => 0,
      onOwned: (partition, lease) => this.leases.set(partition, lease),
      onLost: (partition) => this.lost.push(partition),
      drain: async (partition) => {
        this.drained.push(partition);
        await this.busy;
        this.leases.delete(partition);
      },
    });
  }

  async start(): Promise<this> {
    this.partitions.start();
    await this.membership.join();
    await this.world.clock.advance(0);
    return this;
  }

  async stop(): Promise<void> {
    await this.membership.leave();
    await this.partitions.stop();
  }
}

const loads = (...workers: Worker[]): number[] => workers.map(({ leases }) => leases.size);

test("One worker owns everything at once, two own halves, and nobody loses what it keeps", async () => {
  const world = cluster();
  const a = await new Worker(world, "a").start();
  assert.equal(loads(a), [8]);
  const tokens = new Map([...a.leases].map(([partition, lease]) => [partition, lease.token]));
  const b = await new Worker(world, "b").start();
  assert.equal(loads(a, b), [4, 4]);
  assert.equal(a.lost, []);
  for (const [partition, lease] of a.leases) assert.is(lease.token, tokens.get(partition));
  for (const [partition, lease] of b.leases) assert.ok((lease.token ?? 0) > (tokens.get(partition) ?? Infinity));
  assert.equal([...a.partitions.owned, ...b.partitions.owned].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test("What the store refuses for good is tried again now and then", async () => {
  const world = cluster();
  const a = new Worker(world, "a");
  let refused = 0;
  const { create } = a.node.map;
  a.node.map.create = (key, value) => {
    if (!key.startsWith("q.p.")) return create(key, value);
    refused += 1;
    return Promise.reject(new OstinatoError("ERR_STORE_PERMISSION", "not for this user"));
  };
  await a.start();
  await world.clock.advance(length);
  assert.ok(refused > 8 && refused <= 8 * 26, `${String(refused)} tries`);
  a.node.map.create = create;
  await world.clock.advance(length);
  assert.equal(loads(a), [8]);
  await a.stop();
});

test("A partition is given over only when nothing of it runs any more, a few at a time", async () => {
  const world = cluster();
  const a = await new Worker(world, "a", 32).start();
  let finish: () => void = () => undefined;
  a.busy = new Promise((resolve) => (finish = resolve));
  const b = await new Worker(world, "b", 32).start();
  await world.clock.advance(5 * length);
  assert.is(a.drained.length, 4);
  assert.equal(loads(a, b), [32, 0]);
  finish();
  await world.clock.advance(0);
  assert.equal(loads(a, b), [16, 16]);
});

test("Who leaves in good order is followed at once, by an even share each", async () => {
  const world = cluster();
  const a = await new Worker(world, "a", 9).start();
  const b = await new Worker(world, "b", 9).start();
  const c = await new Worker(world, "c", 9).start();
  assert.equal(loads(a, b, c), [3, 3, 3]);
  await c.stop();
  await world.clock.advance(0);
  assert.equal(loads(a, b, c).sort(), [0, 4, 5]);
  assert.equal(c.lost, []);
});

test("A dead worker's partitions are taken over once its leases have run out", async () => {
  const world = cluster();
  const a = await new Worker(world, "a").start();
  const b = await new Worker(world, "b").start();
  a.node.map.cut(true);
  await world.clock.advance(length - 1);
  assert.equal(loads(b), [4]);
  assert.is(a.lost.length, 4, "the dead one has stopped by itself");
  await world.clock.advance(patience(length) - length + 1);
  assert.equal(loads(a, b), [0, 8]);
});

test("A worker that comes back gets its share back", async () => {
  const world = cluster();
  const a = await new Worker(world, "a").start();
  const b = await new Worker(world, "b").start();
  a.node.map.cut(true);
  await world.clock.advance(3 * length);
  a.node.map.cut(false);
  await world.clock.advance(length);
  assert.equal(loads(a, b), [4, 4]);
});

test("A partition that was lost is not taken again while something of it still runs here", async () => {
  const world = cluster();
  const a = await new Worker(world, "a", 1).start();
  let finish: () => void = () => undefined;
  a.busy = new Promise((resolve) => (finish = resolve));
  a.node.map.cut(true);
  await world.clock.advance(length);
  a.node.map.cut(false);
  await world.clock.advance(3 * length);
  assert.equal(a.partitions.owned, []);
  finish();
  await world.clock.advance(0);
  assert.equal(a.partitions.owned, [0]);
});

test("A worker that only came to wait goes without a trace; stopping twice is stopping once", async () => {
  const world = cluster();
  const a = await new Worker(world, "a", 1).start();
  const b = await new Worker(world, "b", 1).start();
  await Promise.all([b.stop(), b.stop()]);
  assert.equal(loads(a, b), [1, 0]);
  await a.stop();
  await a.stop();
  await a.membership.close();
  await b.membership.close();
  assert.is(await world.record("q.p.0"), undefined);
  assert.is(world.clock.pending(), 0);
});

test("A worker that has not joined takes nothing, and starts again after a stop", async () => {
  const world = cluster();
  const a = new Worker(world, "a");
  a.partitions.start();
  await world.clock.advance(length);
  assert.equal(loads(a), [0]);
  await a.start();
  await a.stop();
  assert.equal(loads(a), [0]);
  await a.start();
  assert.equal(loads(a), [8]);
});

test.run();
