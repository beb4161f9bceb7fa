import type { Clock } from "../clock";
import type { QueueRecord } from "../rules/queue-record";
import type { Shard } from "./shard";

/**
 * The stores whose partitions were lost. A process that lost partitions to an outage may load runs of other processes
 * that lost theirs to the same outage. Those processes get one lease's time to write down how the runs ended, counted
 * from the moment that the store answers again; after it the runs are repeated here (`I13`).
 */
export class Outages {
  readonly #clock: Clock;
  readonly #lease: number;
  /** When the grace ends, on the monotonic clock; undefined until the store has answered since the loss. */
  readonly #until = new Map<Shard, number | undefined>();

  constructor(clock: Clock, lease: number) {
    this.#clock = clock;
    this.#lease = lease;
  }

  began(shard: Shard): void {
    this.#until.set(shard, undefined);
  }

  /** The store answers: a partition in it was won, or a record was loaded from it. */
  answered(shard: Shard): void {
    if (this.#until.has(shard) && this.#until.get(shard) === undefined) {
      this.#until.set(shard, this.#clock.monotonic() + this.#lease);
    }
  }

  /**
   * Until when a record that was just loaded is not to be run here, in milliseconds of the wall; 0 where it may run at
   * once. Never further away than one lease.
   */
  waitFor(shard: Shard, { run }: QueueRecord, nodeId: string): number {
    if (run === undefined || run.node === nodeId) return 0;
    this.answered(shard);
    const until = this.#until.get(shard);
    return until === undefined ? 0 : this.#clock.now() + until - this.#clock.monotonic();
  }
}
