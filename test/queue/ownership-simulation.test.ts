// time limit: 120 s
import crypto from "node:crypto";
import { mock } from "node:test";
import { createRuntime, memoryStore, type Queue, type QueueEvent, type Runtime, type Store } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededRandom } from "../../src/identity";
import { readQueueRecord } from "../../src/rules/queue-record";
import type { Fault } from "../helpers/faulty-map";
import { troubledStore, type TroubledStore } from "../helpers/troubled-store";

/*
 * Goal: whatever happens to processes and to their ways to the stores, every task runs again soon after the trouble, and
 * no partition stays without service. Method: workers of one queue that lives in two stores, each over ways of its own; from
 * a seed, again and again something happens to one of them: a store is cut off, a key is refused, answers and watches
 * come late, writes get lost, or the process dies. Once the faults end, every partition must be served within a lease and
 * five seconds, and every task must run: soon, or in its turn where its process is gone and it is suspected of that. What
 * the runtimes draw at random comes from the seed too, so that a seed that fails fails again.
 */

const lease = 3_000;
const partitions = 12;
const period = 5_000;
const tasks = 36;
/** A run takes less than this. */
const longest = 4_000;
/** So long a suspect may wait for its turn: each group has its process to itself after others had it. */
const patience = 60_000;
const steps = Number(process.env["SIMULATION_STEPS"] ?? 60);
const seeds = Number(process.env["SIMULATION_SEEDS"] ?? 8);
const faults: Fault[] = ["unavailable", "lost", "unanswered", "late"];

interface Node {
  readonly runtime: Runtime;
  readonly queue: Queue;
  readonly ways: readonly TroubledStore[];
}

/** Draws what the runtimes take at random, their ids included, from the seed. */
async function seeded<T>(seed: number, body: (random: () => number) => Promise<T>): Promise<T> {
  const random = seededRandom(seed);
  const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));
  const mocks = [mock.method(Math, "random", random), mock.method(crypto, "randomBytes", bytes as never)];
  try {
    return await body(seededRandom(seed));
  } finally {
    for (const each of mocks) each.mock.restore();
  }
}

/** The tasks of which a run was begun so long ago that whoever began it is gone, or was, and what is suspected already. */
async function leftBehind(stores: readonly Store[], now: number): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const store of stores) {
    for await (const { value } of store.map("tasks-q").list("")) {
      const record = readQueueRecord(value);
      const isOld = (record?.run?.at ?? now) < now - longest;
      if (record !== undefined && (isOld || record.suspect !== undefined)) ids.add(record.id);
    }
  }
  return ids;
}

async function simulate(seed: number, random: () => number): Promise<{ lost: number }> {
  const below = (n: number): number => Math.floor(random() * n);
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const stores = [memoryStore(), memoryStore()];
  const lastRun = new Map<string, number>();
  const told: QueueEvent[] = [];
  let lost = 0;
  let born = 0;

  const node = async (): Promise<Node> => {
    born += 1;
    const ways = stores.map((store) => troubledStore(store, clock));
    const runtime = createRuntime({ clock, nodeId: `n${String(born)}`, logger: pino({ level: "silent" }) });
    const isDead = (): boolean => dead.some((one) => one.runtime === runtime);
    const queue = await runtime.queue({
      ...{ name: "q", partitions, lease, stores: ways.map(({ store }) => store) },
      run: async (_payload, { name, signal }) => {
        if (!isDead()) lastRun.set(name, clock.now());
        const length = below(longest);
        await new Promise<void>((resolve) => clock.setTimeout(resolve, length));
        if (signal.aborted) lost += 1;
      },
    });
    queue.events.subscribe((event) => told.push(event));
    await runtime.start();
    return { runtime, queue, ways };
  };
  const alive: Node[] = [];
  const dead: Node[] = [];
  for (let count = 0; count < 3; count += 1) alive.push(await node());
  await clock.advance(5_000);
  const [first] = alive as [Node];
  const assigned: Promise<string>[] = [];
  for (let index = 0; index < tasks; index += 1) {
    assigned.push(first.queue.assign({ id: `t${String(index)}`, payload: index, every: period }));
  }
  await clock.advance(1_000);
  await Promise.all(assigned);

  for (let step = 0; step < steps; step += 1) {
    const { ways } = alive[below(alive.length)] as Node;
    const way = ways[below(ways.length)] as TroubledStore;
    const what = random();
    if (what < 0.15) way.cut(true);
    else if (what < 0.3) way.cut(false);
    else if (what < 0.45) way.refused = `.p.${String(below(partitions))}`;
    else if (what < 0.55) way.refused = undefined;
    else if (what < 0.65) way.latency(below(3) === 0 ? below(2_000) : below(50));
    else if (what < 0.75) way.lag = below(2) === 0 ? below(2_500) : 0;
    else if (what < 0.95) way.faults(Array.from({ length: 1 + below(3) }, () => faults[below(faults.length)] as Fault));
    else if (dead.length < 3) {
      const [killed] = alive.splice(below(alive.length), 1) as [Node];
      dead.push(killed);
      for (const each of killed.ways) each.cut(true);
      alive.push(await node());
    }
    await clock.advance(300 + below(1_200));
  }

  for (const { ways } of alive) for (const way of ways) way.mend();
  await clock.advance(lease + 5_000);
  const about = `seed ${String(seed)}`;
  const owned = alive.map(({ queue }) => queue.stats()?.owned ?? 0);
  const loading = alive.map(({ queue }) => queue.stats()?.loading ?? 0);
  const state = `${about}: owned ${owned.join(" + ")}, loading ${loading.join(" + ")}`;
  assert.is(
    owned.reduce((sum, one) => sum + one),
    partitions,
    state,
  );
  assert.is(
    loading.reduce((sum, one) => sum + one),
    0,
    state,
  );
  const from = clock.now();
  const suspects = await leftBehind(stores, from);
  const still = (): string[] =>
    [...Array(tasks).keys()].map((index) => `t${String(index)}`).filter((id) => (lastRun.get(id) ?? 0) < from);
  await clock.advance(period + lease + 7_000);
  assert.equal(
    still().filter((id) => !suspects.has(id)),
    [],
    `${about}: these stand still`,
  );
  if (still().length > 0) await clock.advance(patience);
  assert.equal(still(), [], `${about}: these suspects stand still`);
  for (const { queue } of alive) assert.is(queue.stats()?.unserved, 0, about);

  for (const { ways } of dead) for (const way of ways) way.mend();
  const stopped = Promise.all([...alive, ...dead].map(({ runtime }) => runtime.stop()));
  await clock.advance("2m");
  await stopped;
  return { lost };
}

test("Every partition is served within a lease and five seconds once the faults end, and every task runs again", async () => {
  let lost = 0;
  for (let seed = 1; seed <= seeds; seed += 1) lost += (await seeded(seed, (random) => simulate(seed, random))).lost;
  assert.ok(lost > seeds, `only ${String(lost)} runs were cut short: nothing goes wrong`);
});

test.run();
