import * as assert from "uvu/assert";
import type { VirtualClock } from "../../src/clocks/virtual";
import { View } from "../../src/cluster/view";
import { patience, stopAt } from "../../src/rules/lease";
import type { RevisionMap } from "../../src/store";
import { faultyMap, type Fault, type FaultyMap } from "../helpers/faulty-map";
import { nodeClock, type NodeClock } from "../helpers/node-clock";
import { receivedBy } from "../helpers/received-by";
import { length, type Contender, type LeaseKind } from "./lease-kinds";

/** How long after an answer that never came the store is asked again, and a little more. */
const soon = 1_500;

interface Node {
  readonly name: string;
  readonly map: FaultyMap;
  readonly clock: NodeClock;
  readonly view: View;
  readonly contender: Contender;
  /** When each tenure began and when its end was told, on the clock of the world. */
  readonly began: number[];
  readonly told: number[];
}

const holds = ({ began, told }: Node): boolean => began.length > told.length;

/** Two nodes that want the same thing: the first one has it, and the second one waits. */
class Stage {
  readonly nodes: Node[] = [];

  constructor(
    readonly world: VirtualClock,
    readonly store: RevisionMap,
    readonly kind: LeaseKind,
    readonly step: number,
  ) {}

  async enter(name: string): Promise<Node> {
    const { world } = this;
    const clock = nodeClock(world, 1, 0);
    const map = faultyMap(this.store, world);
    const received = receivedBy(map, clock);
    const view = new View(received, "", clock);
    await this.pass(0);
    await view.ready;
    const [began, told]: [number[], number[]] = [[], []];
    const hands = { begins: () => began.push(world.monotonic()), told: () => told.push(world.monotonic()) };
    const contender = this.kind.contend(
      { name, map: received, view, clock },
      { begins: () => void hands.begins(), told: () => void hands.told() },
    );
    const node = { name, map, clock, view, contender, began, told };
    this.nodes.push(node);
    await this.pass(1_000);
    return node;
  }

  /** Lets time pass; nobody may hold beside another at any moment. A frozen machine does nothing. */
  async pass(ms: number): Promise<void> {
    let left = ms;
    do {
      await this.world.advance(Math.min(this.step, left));
      this.check();
      left -= this.step;
    } while (left > 0);
  }

  check(): void {
    const acting = this.nodes.filter((node) => !node.clock.frozen && holds(node)).map(({ name }) => name);
    assert.ok(acting.length <= 1, `${acting.join(" and ")} hold it at ${String(this.world.monotonic())} ms`);
  }

  async steal(): Promise<void> {
    const entry = await this.store.get(this.kind.key);
    assert.ok(entry);
    assert.ok((await this.store.update(entry.key, this.kind.rival(entry.value), entry.revision)).ok);
  }

  async leave(): Promise<void> {
    for (const { map, clock } of this.nodes) {
      map.cut(false);
      map.faults = [];
      map.latency = 0;
      clock.thaw();
    }
    // All watches are up again before anything is deleted.
    await this.world.advance(0);
    const stopped = Promise.all(this.nodes.map((node) => node.contender.stop()));
    await this.world.advance(3 * length);
    await stopped;
    await Promise.all(this.nodes.map((node) => node.view.close()));
  }
}

export interface LeaseCase {
  readonly name: string;
  /** One of those that X8 names: run on every store. */
  readonly isCore?: true;
  /** With `a`, which holds the lease, and `b`, which waits for it. */
  play(stage: Stage, a: Node, b: Node): Promise<void>;
}

/** A wall that moved is noticed at once, and whatever follows, there is one holder. */
async function wallMoves(stage: Stage, a: Node, by: number): Promise<void> {
  await stage.pass(1_000);
  a.clock.stepWall(by);
  await stage.pass(0);
  assert.is(a.told.length, 1, "told at once");
  await stage.pass(2 * length);
  assert.is(stage.nodes.filter(holds).length, 1);
}

async function sleeps(stage: Stage, a: Node, b: Node, ms: number): Promise<void> {
  a.clock.freeze("asleep");
  await stage.pass(ms);
  // Awake, its store is out of reach: nothing but its own clocks can tell it.
  a.map.cut(true);
  a.clock.thaw();
  a.clock.stepWall(0);
  await stage.pass(0);
  assert.is(a.told.length, 1, "told when it wakes");
  await stage.pass(2 * length);
  assert.ok(holds(b));
}

/** Writes that meet these faults do not end a tenure. */
async function holdsThrough(stage: Stage, a: Node, faults: Fault[]): Promise<void> {
  a.map.lateBy = 500;
  a.map.faults = faults;
  await stage.pass(length);
  a.map.faults = [...faults];
  await stage.pass(2 * length);
  assert.equal([a.began.length, a.told.length], [1, 0]);
}

export const leaseCases: readonly LeaseCase[] = [
  {
    name: "is kept for as long as nothing happens",
    async play(stage, a, b) {
      await stage.pass(5 * length);
      assert.equal([a.began.length, a.told.length, b.began.length], [1, 0, 0]);
    },
  },
  {
    name: "ends when the machine has slept, for less than the lease",
    isCore: true,
    play: (stage, a, b) => sleeps(stage, a, b, 7_500),
  },
  { name: "ends when the machine has slept, for longer", play: (stage, a, b) => sleeps(stage, a, b, 3 * length) },
  {
    name: "ends when the wall is set forward",
    isCore: true,
    play: (stage, a) => wallMoves(stage, a, 3_600_000),
  },
  { name: "ends when the wall is set back", isCore: true, play: (stage, a) => wallMoves(stage, a, -3_600_000) },
  {
    name: "ends at once when another's claim is seen, though the store refuses every write",
    isCore: true,
    async play(stage, a) {
      await stage.pass(1_000);
      a.map.faults = new Array<Fault>(100).fill("unavailable");
      await stage.steal();
      await stage.pass(0);
      assert.is(a.told.length, 1);
    },
  },
  {
    name: "ends at once when its record is deleted",
    async play(stage, a) {
      await stage.pass(1_000);
      const entry = await stage.store.get(stage.kind.key);
      await stage.store.delete(stage.kind.key, entry?.revision ?? 0);
      await stage.pass(0);
      assert.ok(a.told.length === 1);
      await stage.pass(length);
      assert.is(stage.nodes.filter(holds).length, 1);
    },
  },
  {
    name: "ends before the end of trust when the store cannot be reached, and another one begins after the lease",
    async play(stage, a, b) {
      const [from = 0] = a.began;
      a.map.cut(true);
      await stage.pass(2 * length);
      assert.is(a.told.length, 1);
      assert.ok((a.told[0] ?? Infinity) <= stopAt(from, length) + 10, `told at ${String(a.told[0])}`);
      assert.ok((b.began[0] ?? 0) >= from + patience(length) - 10, `begun at ${String(b.began[0])}`);
    },
  },
  {
    name: "is kept while answers take half of its window, and ends in time where they take longer",
    async play(stage, a) {
      a.map.latency = 1_000;
      await stage.pass(3 * length);
      assert.is(a.told.length, 0);
      const slowFrom = stage.world.monotonic();
      a.map.latency = 2 * length;
      await stage.pass(2 * length);
      assert.ok((a.told[0] ?? Infinity) <= stopAt(slowFrom, length), `told at ${String(a.told[0])}`);
    },
  },
  {
    name: "is kept where a write was applied and its answer lost",
    play: (stage, a) => holdsThrough(stage, a, ["unanswered"]),
  },
  {
    name: "is kept where a write was lost without a word",
    play: (stage, a) => holdsThrough(stage, a, ["lost", "lost"]),
  },
  { name: "is kept where a write is applied late", play: (stage, a) => holdsThrough(stage, a, ["late"]) },
  {
    name: "is not given back over the record of another who has taken it",
    async play(stage, a) {
      a.map.latency = 200;
      const stealing = stage.steal();
      const stopping = a.contender.stop();
      await stage.pass(soon);
      await Promise.all([stealing, stopping]);
      const { value = "" } = (await stage.store.get(stage.kind.key)) ?? {};
      assert.is((JSON.parse(value) as { holder: string }).holder, "rival");
    },
  },
  {
    name: "is not kept by an answer that comes after the event loop was blocked beyond the end of trust",
    async play(stage, a, b) {
      await stage.pass(length / 3 - 600);
      a.map.latency = 150;
      await stage.pass(250);
      a.clock.freeze("stopped");
      await stage.pass(2 * length);
      assert.ok(holds(b));
      a.clock.thaw();
      await stage.pass(0);
      assert.is(a.told.length, 1);
      await stage.pass(length);
    },
  },
];

/** Plays one case, looking every so many milliseconds; the store's map is to be empty. */
export async function playLease(
  world: VirtualClock,
  store: RevisionMap,
  kind: LeaseKind,
  one: LeaseCase,
  step = 250,
): Promise<void> {
  const stage = new Stage(world, store, kind, step);
  try {
    const a = await stage.enter("a");
    const b = await stage.enter("b");
    assert.equal([holds(a), holds(b)], [true, false], "the first one has it");
    await one.play(stage, a, b);
  } finally {
    await stage.leave();
  }
}
