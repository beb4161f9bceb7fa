import type { Alarm, Alarms } from "../alarms";
import type { Clock } from "../clock";
import { clockTolerance } from "../rules/clock-ahead";
import { isTimedAhead } from "../rules/retiming";
import { readQueueRecord, wakeAt, type QueueRecord } from "../rules/queue-record";
import { isSuspect } from "../rules/suspects";
import type { Change, Entry } from "../store";
import { DueIndex } from "./due-index";
import type { Job, Standing } from "./job";
import type { Outages } from "./outages";
import type { OwnedPartition } from "./owned-partition";
import { RecordCache } from "./record-cache";
import type { Shard } from "./shard";

/** What is due within this time is worth remembering whole. */
const soon = 60_000;
const cacheCharacters = 8_000_000;
export const pauseAfterFailure = 1_000;

/** A task that is due. */
export type Due = Pick<Job, "key" | "revision" | "partition">;

/** The tasks of the partitions that are owned here: when each is due, which records are at hand, which are suspects. */
export class Backlog {
  readonly index: DueIndex;
  readonly cache = new RecordCache(cacheCharacters);
  readonly #suspects = new Map<string, QueueRecord>();
  readonly #clock: Clock;
  readonly #outages: Outages;
  readonly #nodeId: string;
  readonly #self: string;
  readonly #onForget: (key: string) => void;
  #alarm: Alarm | undefined;
  #alarmAt = Infinity;

  /** @param about `self` names this execution of the queue; `onForget` is called for what may have been a suspect. */
  constructor(
    bucket: number,
    about: { clock: Clock; outages: Outages; nodeId: string; self: string; onForget: (key: string) => void },
  ) {
    this.index = new DueIndex(bucket);
    this.#clock = about.clock;
    this.#outages = about.outages;
    this.#nodeId = about.nodeId;
    this.#self = about.self;
    this.#onForget = about.onForget;
  }

  /** Takes a change that the watch delivered; false where it says nothing new. */
  note(partition: OwnedPartition, change: Change): boolean {
    const { key, revision } = change;
    const known = this.index.revisionOf(key);
    // While a partition loads, the store may be another one: there an equal or a smaller revision can be news.
    if (known !== undefined && known >= revision && partition.state === "serving") {
      this.index.confirm(key, partition.round);
      return false;
    }
    if (known === undefined && this.#isEcho(partition, change)) return false;
    this.take(partition, change);
    return true;
  }

  /** As the store has it. */
  take(partition: OwnedPartition, { key, value, revision }: Change): void {
    const record = value === undefined ? undefined : readQueueRecord(value);
    if (record === undefined || value === undefined) {
      this.index.delete(key);
      this.cache.delete(key);
      this.#forget(key);
      return;
    }
    const { shard, state } = partition;
    const wait = state === "loading" ? this.#outages.waitFor(shard, record, this.#nodeId) : 0;
    this.put(partition, { key, value, revision, record }, Math.max(wakeAt(record), wait));
  }

  put(partition: OwnedPartition, entry: Entry & { record: QueueRecord }, at: number): void {
    const { key, value, revision, record } = entry;
    const now = this.#clock.now();
    const how = { parked: partition.state === "loading", round: partition.round, timed: record.timed };
    this.index.put(key, partition.number, isTimedAhead(record, now) ? now : at, revision, how);
    if (at <= now + soon) this.cache.put(key, value, revision);
    // An old value must not be taken for this one, should the store be another one in which it has the same revision.
    else this.cache.delete(key);
    this.#forget(key);
    if (isSuspect(record, this.#self)) this.#suspects.set(key, record);
  }

  /** The wall was set: what was timed by a wall that was ahead is looked at now. */
  wallSet(): void {
    this.index.recall(this.#clock.now() + clockTolerance);
  }

  /** A worker is done with it; `newest` is what the watch has told of it meanwhile. */
  settle({ key, partition, revision }: Job, standing: Standing, newest: Change | undefined): void {
    if (standing.is === "left") this.index.delete(key);
    else if (newest !== undefined && (standing.is === "unknown" || newest.revision > standing.revision)) {
      this.take(partition, newest);
    } else if (standing.is === "gone") this.index.delete(key);
    else if (standing.is === "waiting") this.put(partition, { ...standing, key }, wakeAt(standing.record));
    else this.readAgain(partition, key, revision, standing.pause ? pauseAfterFailure : 0);
  }

  /** False: it waits, or is not ours to run any more. */
  mayBegin({ key, revision, partition }: Due): boolean {
    if (partition.serves) return true;
    if (partition.state === "draining") this.index.delete(key);
    // In doubt, or with a lease that is about to end: it waits until that is known.
    else this.readAgain(partition, key, revision, pauseAfterFailure);
    return false;
  }

  /** The next look at it reads from the store where it stands. */
  readAgain(partition: OwnedPartition, key: string, revision: number, after: number): void {
    this.cache.delete(key);
    const how = { parked: partition.state === "loading", round: partition.round };
    this.index.put(key, partition.number, this.#clock.now() + after, revision, how);
  }

  /** How many are known of those partitions that live in this store and are worked on. */
  count(partitions: readonly OwnedPartition[], shard: Shard): number {
    const those = partitions.filter((partition) => partition.shard === shard && partition.state !== "draining");
    return those.reduce((sum, { number }) => sum + this.index.count(number), 0);
  }

  /** The suspects that are due, each once. */
  *dueSuspects(): Generator<{ key: string; revision: number; partition: number; record: QueueRecord }> {
    for (const [key, record] of this.#suspects) {
      const due = this.index.takeReady(key);
      if (due !== undefined || this.index.revisionOf(key) === undefined) this.#suspects.delete(key);
      if (due !== undefined) yield { ...due, record };
    }
  }

  /** One alarm wakes the next bucket; there is none while nothing waits (`I14`). */
  awaitNext(alarms: Alarms, woken: () => void): void {
    const at = this.index.nextAt ?? Infinity;
    if (at === this.#alarmAt) return;
    this.#alarm?.cancel();
    this.#alarmAt = at;
    const ring = (): void => {
      this.#alarmAt = Infinity;
      this.index.wake(this.#clock.now());
      woken();
    };
    this.#alarm = at === Infinity ? undefined : alarms.at(at, ring);
  }

  /** The late echo of a claim made here. Its run has ended, and the task with it. */
  #isEcho(partition: OwnedPartition, { value }: Change): boolean {
    if (value === undefined || partition.state !== "serving") return false;
    return readQueueRecord(value)?.run?.owner === partition.lease.token;
  }

  #forget(key: string): void {
    this.#suspects.delete(key);
    this.#onForget(key);
  }
}
