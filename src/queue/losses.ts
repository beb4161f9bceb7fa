import type { Alarms } from "../alarms";
import type { Clock } from "../clock";
import type { Renewal } from "../store";
import type { LossEvent } from "./queue-api";
import type { Shard } from "./shard";

/** The partitions of one store notice within this time of each other that it is another one; milliseconds. */
const together = 1_000;

interface Former {
  readonly shard: Shard;
  readonly known: number;
  /** On the monotonic clock. */
  readonly at: number;
}

interface Count {
  readonly renewal: Renewal;
  readonly loading: Set<number>;
  known: number;
  lost: number;
}

/**
 * Counts which tasks are gone of a store that turned out to be another one; told once for all its partitions. Where the
 * bucket is a new one, those are all that were known. Where it has lost its last writes, loading it again shows them.
 */
export class Losses {
  readonly #alarms: Alarms;
  readonly #tell: (event: LossEvent) => void;
  readonly #counts = new Map<Shard, Count>();
  readonly #clock: Clock;
  readonly #lease: number;
  /** What was known of partitions whose lease was lost a moment ago: a store that is gone takes the leases along. */
  #former: readonly Former[] = [];

  constructor(alarms: Alarms, clock: Clock, lease: number, tell: (event: LossEvent) => void) {
    this.#alarms = alarms;
    this.#clock = clock;
    this.#lease = lease;
    this.#tell = tell;
  }

  /** A partition, of which so many tasks are known, is lost. */
  left(shard: Shard, known: number): void {
    this.#former = [...this.#recent(), { shard, known, at: this.#clock.monotonic() }];
  }

  /** The bucket is a new one; so many tasks of the partitions owned now were in the old one. */
  recreated(shard: Shard, renewal: Renewal, owned: number): void {
    const known = this.#recent().reduce((sum, one) => sum + (one.shard === shard ? one.known : 0), owned);
    this.#former = this.#former.filter((one) => one.shard !== shard);
    if (known > 0) this.#report(shard, renewal, known, known);
  }

  /** The partition, of which so many tasks are known, is loaded again. */
  began(shard: Shard, partition: number, renewal: Renewal, known: number): void {
    if (renewal.how === "recreated") return;
    let count = this.#counts.get(shard);
    if (count === undefined) {
      this.#counts.set(shard, (count = { renewal, loading: new Set(), known: 0, lost: 0 }));
      this.#await(shard, count);
    }
    if (!count.loading.has(partition)) count.known += known;
    count.loading.add(partition);
  }

  /** It is loaded, and so many of its tasks were not in it any more; or it is not ours any more. */
  ended(shard: Shard, partition: number, lost: number): void {
    const count = this.#counts.get(shard);
    if (count?.loading.delete(partition) === true) count.lost += lost;
  }

  #await(shard: Shard, count: Count): void {
    this.#alarms.after(together, () => {
      if (count.loading.size > 0) return this.#await(shard, count);
      this.#counts.delete(shard);
      const { renewal, known, lost } = count;
      if (lost > 0) this.#report(shard, renewal, known, lost);
    });
  }

  #recent(): readonly Former[] {
    const from = this.#clock.monotonic() - this.#lease;
    return this.#former.filter(({ at }) => at >= from);
  }

  #report(shard: Shard, renewal: Renewal, known: number, lost: number): void {
    this.#tell({ type: "lost", store: shard.store.description, ...renewal, what: "assigned tasks", known, lost });
  }
}
