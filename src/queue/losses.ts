import type { Alarms } from "../alarms";
import type { Renewal } from "../store";
import type { LossEvent } from "./queue-api";
import type { Shard } from "./shard";

/** The partitions of one store notice within this time of each other that it is another one; milliseconds. */
const together = 1_000;

interface Count {
  readonly renewal: Renewal;
  readonly loading: Set<number>;
  known: number;
  lost: number;
}

/** Counts, over all partitions of a store that turned out to be another one, which of their tasks are gone; told once. */
export class Losses {
  readonly #alarms: Alarms;
  readonly #tell: (event: LossEvent) => void;
  readonly #counts = new Map<Shard, Count>();

  constructor(alarms: Alarms, tell: (event: LossEvent) => void) {
    this.#alarms = alarms;
    this.#tell = tell;
  }

  /** The partition, of which so many tasks are known, is loaded from another store than before. */
  began(shard: Shard, partition: number, renewal: Renewal, known: number): void {
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
      if (lost === 0) return;
      this.#tell({ type: "lost", store: shard.store.description, ...renewal, what: "assigned tasks", known, lost });
    });
  }
}
