import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { View } from "../../src/cluster/view";
import { seededRandom } from "../../src/identity";
import { memoryStore } from "../../src/stores/memory";
import { leaseKinds, length, type LeaseKind } from "../contracts/lease-kinds";
import { faultyMap, type Fault } from "../helpers/faulty-map";
import { nodeClock } from "../helpers/node-clock";
import { receivedBy } from "../helpers/received-by";

/*
 * Goal: whatever is held by a lease has one holder at a time, whatever walls, sleeps and networks do. A holder counts from
 * the moment it begins until it is told to stop; a frozen machine does nothing. Method: as in simulation.test.ts, with the
 * code that holds tasks, partitions, locks and members. A machine that wakes learns of it at once, as from its watchdog.
 * On a store that nobody but this process can reach, nodes also come and go, because a holder that is alone does not
 * renew.
 */

const steps = Number(process.env["SIMULATION_STEPS"] ?? 80);
const seeds = Number(process.env["SIMULATION_SEEDS"] ?? 6);
const faults: Fault[] = ["unavailable", "lost", "unanswered", "late"];

interface Counts {
  tenures: number;
  lost: number;
}

async function simulate(kind: LeaseKind, seed: number, overNetwork: boolean): Promise<Counts> {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const world = virtualClock();
  const store = memoryStore().map("leases");
  const counts = { tenures: 0, lost: 0 };

  const enter = async (index: number) => {
    const clock = nodeClock(world, 0.9 + random() * 0.2, Math.floor((random() - 0.5) * 7_200_000));
    const way = overNetwork ? faultyMap(store, world) : undefined;
    const map = way === undefined ? store : receivedBy(way, clock);
    const view = new View(map, "", clock);
    await view.ready;
    const node = { name: `n${String(index)}`, clock, way, holds: false };
    const begins = (): void => {
      node.holds = true;
      counts.tenures += 1;
    };
    const told = (): void => {
      node.holds = false;
      counts.lost += 1;
    };
    const contender = kind.contend({ name: node.name, map, view, clock }, { begins, told });
    const leave = async (): Promise<void> => {
      node.holds = false;
      await contender.stop();
      await view.close();
    };
    return Object.assign(node, { leave });
  };

  const about = `${kind.name}, seed ${String(seed)}${overNetwork ? "" : ", in one process"}`;
  let nodes = [await enter(0)];
  let entered = 1;
  const check = (): string[] => {
    const acting = nodes.filter(({ clock, holds }) => holds && !clock.frozen).map(({ name }) => name);
    assert.ok(acting.length <= 1, `${about}: ${acting.join(" and ")} hold it at ${String(world.monotonic())}`);
    return acting;
  };

  for (let step = 0; step < steps; step += 1) {
    const node = nodes[below(nodes.length)]!;
    const what = random();
    if (what < 0.2 && nodes.length < 4) nodes.push(await enter(entered++));
    else if (what < 0.25 && nodes.length > 1) {
      nodes = nodes.filter((other) => other !== node);
      node.clock.thaw();
      node.way?.cut(false);
      void node.leave();
    } else if (what < 0.4) node.clock.freeze(random() < 0.5 ? "stopped" : "asleep");
    else if (what < 0.6) {
      node.clock.thaw();
      node.clock.stepWall(0);
    } else if (what < 0.7) node.clock.stepWall((random() - 0.5) * (random() < 0.5 ? 10_000 : 7_200_000));
    else if (node.way === undefined) await world.advance(below(length));
    else if (what < 0.8) node.way.cut(random() < 0.5);
    else if (what < 0.85) node.way.latency = below(4) === 0 ? below(3_000) : below(50);
    else {
      node.way.lateBy = below(2 * length);
      node.way.faults.push(...Array.from({ length: 1 + below(3) }, () => faults[below(faults.length)]!));
    }
    for (let part = 0; part < 5; part += 1) {
      await world.advance(100 + below(400));
      check();
    }
  }

  for (const { clock, way } of nodes) {
    if (way !== undefined) {
      way.cut(false);
      way.faults = [];
      way.latency = 5;
    }
    clock.thaw();
    clock.stepWall(0);
  }
  await world.advance(5 * length);
  for (let look = 0; look < 20 && check().length === 0; look += 1) await world.advance(100);
  assert.is(check().length, 1, `${about}: somebody holds it in the end`);
  const left = Promise.all(nodes.map((node) => node.leave()));
  await world.advance(3 * length);
  await left;
  return counts;
}

for (const kind of leaseKinds)
  for (const overNetwork of [true, false]) {
    const where = overNetwork ? "over bad networks" : "in one process, with nodes that come and go";
    test(`Never two hold a ${kind.name} at once, whatever walls and sleeps do, ${where}`, async () => {
      let [tenures, lost] = [0, 0];
      for (let seed = 1; seed <= seeds; seed += 1) {
        const counts = await simulate(kind, seed, overNetwork);
        tenures += counts.tenures;
        lost += counts.lost;
      }
      assert.ok(tenures > 3 * seeds, `only ${String(tenures)} tenures: the simulation does not move`);
      assert.ok(lost > seeds, `only ${String(lost)} losses: nothing goes wrong`);
    });
  }

test.run();
