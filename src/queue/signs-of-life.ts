import type { Clock } from "../clock";
import { mayTake, readLease } from "../rules/lease";
import { leasePrefix, type Shard } from "./shard";

/**
 * Whether the process that left a claim behind runs still. A member that renews its record is alive, one whose record has
 * expired or is gone is not. Between the two nobody knows.
 */
export class SignsOfLife {
  /** The execution of the queue in this process: the name that it has as a member. */
  readonly self: string;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #lease: number;
  /** At which revision the record of a member was seen when it was asked for first. */
  readonly #first = new Map<string, number>();

  constructor(self: string, queue: string, clock: Clock, lease: number) {
    this.self = self;
    this.#prefix = `${leasePrefix(queue)}node.`;
    this.#clock = clock;
    this.#lease = lease;
  }

  isAlive(shard: Shard, by: string): boolean | undefined {
    if (by === this.self) return true;
    const seen = shard.leases.view.get(this.#prefix + by);
    const fields = readLease(seen?.entry.value);
    const name = `${String(shard.index)} ${by}`;
    if (seen === undefined || mayTake(fields, seen, this.#clock.monotonic(), this.#lease).take) {
      this.#first.delete(name);
      return false;
    }
    const { revision } = seen.entry;
    const first = this.#first.get(name);
    if (first === undefined) this.#first.set(name, revision);
    return first === undefined || first === revision ? undefined : true;
  }
}
