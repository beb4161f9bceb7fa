import type { Clock } from "../clock";
import type { QueueRecord } from "../rules/queue-record";
import type { Shard } from "./shard";

/**
 * The stores of which partitions were lost. Who lost partitions to an outage finds in them runs of processes that may have
 * lost theirs to it too: those have a lease's time to write down what has ended, before it is run again (`I13`).
 */
export class Outages {
  readonly #clock: Clock;
  readonly #lease: number;
  /** Until when, on the monotonic clock; Infinity while none of the store's partitions has been won again. */
  readonly #until = new Map<Shard, number>();

  constructor(clock: Clock, lease: number) {
    this.#clock = clock;
    this.#lease = lease;
  }

  began(shard: Shard): void {
    this.#until.set(shard, Infinity);
  }

  /** A partition in this store has been won. */
  ended(shard: Shard): void {
    if (this.#until.get(shard) === Infinity) this.#until.set(shard, this.#clock.monotonic() + this.#lease);
  }

  /** Before when the record, just loaded, is not to be run here: milliseconds of the wall; 0 where it may be at once. */
  waitFor(shard: Shard, { run }: QueueRecord, nodeId: string): number {
    const until = this.#until.get(shard);
    if (until === undefined || run === undefined || run.node === nodeId) return 0;
    return this.#clock.now() + until - this.#clock.monotonic();
  }
}
