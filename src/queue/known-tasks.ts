import type { Clock } from "../clock";
import { readQueueRecord, wakeAt } from "../rules/queue-record";
import type { Change, Entry } from "../store";
import { DueIndex } from "./due-index";
import type { Outages } from "./outages";
import type { OwnedPartition } from "./owned-partition";
import { RecordCache } from "./record-cache";
import type { Shard } from "./shard";

/** What is due within this time is worth remembering whole. */
const soon = 60_000;
const cacheCharacters = 8_000_000;

/** What is known of the tasks of the partitions that are owned here: when each wants to be woken, and what is due soon. */
export class KnownTasks {
  readonly index: DueIndex;
  readonly #cache = new RecordCache(cacheCharacters);
  readonly #clock: Clock;
  readonly #nodeId: string;
  readonly #outages: Outages;

  constructor(bucket: number, { clock, nodeId }: { clock: Clock; nodeId: string }, outages: Outages) {
    this.index = new DueIndex(bucket);
    this.#clock = clock;
    this.#nodeId = nodeId;
    this.#outages = outages;
  }

  /** Takes over what the store says of a task. */
  take(partition: OwnedPartition, { key, value, revision }: Change): void {
    const record = value === undefined ? undefined : readQueueRecord(value);
    if (record === undefined || value === undefined) {
      this.index.delete(key);
      this.#cache.delete(key);
      return;
    }
    const { shard, state } = partition;
    const wait = state === "loading" ? this.#outages.waitFor(shard, record, this.#nodeId) : 0;
    this.put(partition, { key, value, revision }, Math.max(wakeAt(record), wait));
  }

  put(partition: OwnedPartition, { key, value, revision }: Entry, at: number): void {
    this.#await(partition, key, revision, at);
    if (at <= this.#clock.now() + soon) this.#cache.put(key, value, revision);
    // An old value must not be taken for this one, should the store be another one in which it has the same revision.
    else this.#cache.delete(key);
  }

  /** Where the task stands is read from the store, by the next look at it. */
  readAgain(partition: OwnedPartition, key: string, revision: number, after: number): void {
    this.#cache.delete(key);
    this.#await(partition, key, revision, this.#clock.now() + after);
  }

  /** The record at this revision, if it is at hand. */
  takeValue(key: string, revision: number): string | undefined {
    return this.#cache.take(key, revision);
  }

  /** How many are known of those partitions that live in this store and are worked on. */
  count(partitions: readonly OwnedPartition[], shard: Shard): number {
    const those = partitions.filter((partition) => partition.shard === shard && partition.state !== "draining");
    return those.reduce((sum, { number }) => sum + this.index.count(number), 0);
  }

  #await(partition: OwnedPartition, key: string, revision: number, at: number): void {
    const how = { parked: partition.state === "loading", round: partition.round };
    this.index.put(key, partition.number, at, revision, how);
  }
}

/** The late notice of a claim made here whose run has ended, and the task with it. */
export function isEcho(partition: OwnedPartition, { value }: Change): boolean {
  if (value === undefined || partition.state !== "serving") return false;
  return readQueueRecord(value)?.run?.owner === partition.lease.token;
}
