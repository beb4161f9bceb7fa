import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { firstAbort } from "../../src/cluster/first-abort";
import { createLease, type Lease } from "../../src/cluster/lease";
import { View } from "../../src/cluster/view";
import { seededRandom, type Random } from "../../src/identity";
import { memoryStore } from "../../src/stores/memory";
import { faultyMap, type Fault, type FaultyMap } from "../helpers/faulty-map";
import { nodeClock, type NodeClock } from "../helpers/node-clock";
import { receivedBy } from "../helpers/received-by";

/*
 * Goal: whatever clocks, networks and processes do, there are never two at once that may act on one lease, and tokens
 * grow from one tenure to the next. Method: nodes in one process over one store, each with a clock of its own rate and
 * wall and a bad network; from a seed, every half second something happens to one of them. After the trouble everything
 * must come right by itself.
 */

const length = 6_000;
const steps = Number(process.env["SIMULATION_STEPS"] ?? 120);
const seeds = Number(process.env["SIMULATION_SEEDS"] ?? 12);
const faults: Fault[] = ["unavailable", "lost", "unanswered", "late"];

interface Node {
  name: string;
  clock: NodeClock;
  map: FaultyMap;
  lease: Lease;
  stop: AbortController;
  campaign: Promise<void>;
}

async function simulate(seed: number): Promise<{ tenures: number; lost: number }> {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const world = virtualClock();
  const store = memoryStore().map("lease");
  const tokens: number[] = [];
  let lost = 0;
  let acting: string[] = [];

  const nodes = Array.from({ length: 2 + below(3) }, (_, i): Node => {
    const clock = nodeClock(world, 0.9 + random() * 0.2, Math.floor((random() - 0.5) * 7_200_000));
    const map = faultyMap(store, world);
    const received = receivedBy(map, clock);
    const view = new View(received, "", clock);
    const name = `n${String(i)}`;
    const options = { map: received, view, key: "job", holder: name, lease: length, clock, epoch: 1 };
    const node = { name, clock, map, lease: createLease({ ...options, random }), stop: new AbortController() };
    return { ...node, campaign: campaign(node, random, tokens, () => (lost += 1)) };
  });

  const check = (): void => {
    acting = nodes.filter(({ clock, lease }) => !clock.frozen && lease.valid()).map(({ name }) => name);
    assert.ok(
      acting.length <= 1,
      `seed ${String(seed)}: ${acting.join(" and ")} hold it at ${String(world.monotonic())}`,
    );
  };

  for (let step = 0; step < steps; step += 1) {
    const node = nodes[below(nodes.length)]!;
    const what = random();
    if (what < 0.15) node.map.cut(true);
    else if (what < 0.35) node.map.cut(false);
    else if (what < 0.5) node.clock.freeze(random() < 0.5 ? "stopped" : "asleep");
    else if (what < 0.7) node.clock.thaw();
    else if (what < 0.75) node.clock.stepWall((random() - 0.5) * 7_200_000);
    else if (what < 0.85) node.map.latency = below(4) === 0 ? below(3_000) : below(50);
    else {
      node.map.lateBy = below(2 * length);
      node.map.faults.push(...Array.from({ length: 1 + below(3) }, () => faults[below(faults.length)]!));
    }
    for (let part = 0; part < 5; part += 1) {
      await world.advance(100);
      check();
    }
  }

  for (const { clock, map } of nodes) {
    map.cut(false);
    map.faults = [];
    map.latency = 5;
    clock.thaw();
  }
  await world.advance(5 * length);
  check();
  // It may be on its way from one to another at this very moment.
  for (let look = 0; look < 10 && acting.length === 0; look += 1) {
    await world.advance(50);
    check();
  }
  assert.is(acting.length, 1, `seed ${String(seed)}: somebody holds it in the end`);
  for (const { stop } of nodes) stop.abort();
  await world.advance(length);
  await Promise.all(nodes.map((node) => node.campaign));
  for (const [i, token] of tokens.entries()) {
    assert.ok(i === 0 || token > tokens[i - 1]!, `seed ${String(seed)}: token ${String(token)} did not grow`);
  }
  return { tenures: tokens.length, lost };
}

/** Holds the lease for a while, again and again; some work ends in order, some only when the lease is lost. */
async function campaign(
  { clock, lease, stop }: Pick<Node, "clock" | "lease" | "stop">,
  random: Random,
  tokens: number[],
  onLost: () => void,
): Promise<void> {
  while (!stop.signal.aborted) {
    const taken = await lease.campaign(stop.signal).catch(() => undefined);
    if (taken === undefined) break;
    if (lease.valid()) tokens.push(taken.token);
    const { signal } = lease;
    const enough = new AbortController();
    const timer = clock.setTimeout(() => enough.abort(), random() * 6 * length);
    await firstAbort(signal, stop.signal, enough.signal);
    clock.clearTimeout(timer);
    if (signal.aborted) onLost();
    if (!signal.aborted || random() < 0.5) await lease.release();
  }
  await lease.release();
}

test("Never two valid holders at once, and tokens that only grow, whatever happens", async () => {
  let tenures = 0;
  let lost = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const result = await simulate(seed);
    tenures += result.tenures;
    lost += result.lost;
  }
  assert.ok(tenures > 5 * seeds, `only ${String(tenures)} tenures: the simulation does not move`);
  assert.ok(lost > seeds, `only ${String(lost)} losses: nothing goes wrong`);
});

test.run();
