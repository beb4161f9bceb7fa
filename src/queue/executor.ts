import { Alarms } from "../alarms";
import type { EpochMap } from "../cluster/epoch";
import type { Lease } from "../cluster/lease";
import { LeaseLostError, ShutdownError } from "../errors";
import { readQueueRecord, wakeAt } from "../rules/queue-record";
import type { RevisionMap, Watch } from "../store";
import { runAssigned, type Work } from "./assigned-run";
import type { QueueHost, QueueSettings } from "./options";

/** What is kept of a task that waits: when to wake it, not its payload. */
interface Waiting {
  readonly key: string;
  readonly revision: number;
  readonly bucket: number;
  readonly partition: Partition;
  generation: number;
}

/** One partition that is owned here. */
interface Partition {
  readonly number: number;
  readonly lease: Lease;
  readonly tasks: Map<string, Waiting>;
  watch: Watch | undefined;
  current: boolean;
  generation: number;
  leaving: boolean;
}

/**
 * Runs what is due of the partitions that this process owns. A bucket holds what is due up to its end, so that nothing
 * begins early (`I4`); one alarm wakes the next bucket, and none is set while there is nothing to wait for (`I14`).
 */
export class Executor {
  readonly #tasks: EpochMap;
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #deadLetters: RevisionMap;
  readonly #alarms: Alarms;
  readonly #partitions = new Map<number, Partition>();
  readonly #buckets = new Map<number, Set<Waiting>>();
  readonly #ready = new Set<Waiting>();
  readonly #running = new Map<string, { partition: Partition; work: Work; ended: Promise<void> }>();

  constructor(tasks: EpochMap, deadLetters: RevisionMap, settings: QueueSettings, host: QueueHost) {
    this.#tasks = tasks;
    this.#deadLetters = deadLetters;
    this.#settings = settings;
    this.#host = host;
    this.#alarms = new Alarms(host.clock);
  }

  own(number: number, lease: Lease): void {
    const partition: Partition = {
      number,
      lease,
      tasks: new Map(),
      watch: undefined,
      current: false,
      generation: 0,
      leaving: false,
    };
    this.#partitions.set(number, partition);
    partition.watch = this.#tasks.map.watch(`${String(number)}.`, {
      change: ({ key, value, revision }) => this.#note(partition, key, value, revision),
      current: () => {
        partition.current = true;
        for (const task of [...partition.tasks.values()]) {
          if (task.generation !== partition.generation) this.#forget(task);
        }
        this.#pump();
      },
      doubt: () => {
        partition.generation += 1;
      },
    });
  }

  lose(number: number): void {
    const partition = this.#partitions.get(number);
    if (partition === undefined) return;
    partition.leaving = true;
    for (const { partition: of, work } of this.#running.values()) {
      if (of === partition) work.abort(new LeaseLostError(`partition ${String(number)} is no longer owned here`));
    }
  }

  /** Nothing new of the partition begins; resolves when what runs has ended. */
  async drain(number: number): Promise<void> {
    const partition = this.#partitions.get(number);
    if (partition === undefined) return;
    partition.leaving = true;
    await partition.watch?.close();
    await Promise.all([...this.#running.values()].filter((one) => one.partition === partition).map((one) => one.ended));
    for (const task of [...partition.tasks.values()]) this.#forget(task);
    this.#partitions.delete(number);
  }

  /** Aborts what runs: the runtime's deadline has come. */
  hurry(): void {
    for (const { work } of this.#running.values()) work.abort(new ShutdownError());
  }

  /** Nothing begins any more. To be followed by the drain of all that is owned. */
  halt(): void {
    for (const partition of this.#partitions.values()) partition.leaving = true;
  }

  close(): void {
    this.#alarms.close();
  }

  #note(partition: Partition, key: string, value: string | undefined, revision: number): void {
    const known = partition.tasks.get(key);
    if (known !== undefined && known.revision === revision && value !== undefined) {
      known.generation = partition.generation;
      return;
    }
    if (known !== undefined) this.#forget(known);
    const record = value === undefined ? undefined : readQueueRecord(value);
    if (record === undefined) return;
    const bucket = Math.ceil(wakeAt(record) / this.#settings.bucket);
    const task: Waiting = { key, revision, bucket, partition, generation: partition.generation };
    partition.tasks.set(key, task);
    // What runs here is looked at again when it has ended.
    if (!this.#running.has(key)) this.#await(task);
  }

  #await(task: Waiting): void {
    let bucket = this.#buckets.get(task.bucket);
    if (bucket === undefined) {
      this.#buckets.set(task.bucket, (bucket = new Set()));
      this.#alarms.at(task.bucket * this.#settings.bucket, () => this.#ring(task.bucket));
    }
    bucket.add(task);
  }

  /** `I6`: first in, first out inside a bucket. */
  #ring(number: number): void {
    const bucket = this.#buckets.get(number) ?? [];
    this.#buckets.delete(number);
    for (const task of [...bucket].sort((a, b) => a.revision - b.revision)) this.#ready.add(task);
    this.#pump();
  }

  #forget(task: Waiting): void {
    this.#buckets.get(task.bucket)?.delete(task);
    this.#ready.delete(task);
    if (task.partition.tasks.get(task.key) === task) task.partition.tasks.delete(task.key);
  }

  #pump(): void {
    for (const task of this.#ready) {
      if (this.#running.size >= this.#settings.concurrency) return;
      const { partition, key } = task;
      if (!partition.current) continue;
      this.#ready.delete(task);
      if (partition.leaving || this.#running.has(key)) continue;
      this.#begin(task);
    }
  }

  #begin({ key, partition, revision }: Waiting): void {
    const work = runAssigned({
      key,
      seen: revision,
      ...this.#tasks,
      deadLetters: this.#deadLetters,
      lease: partition.lease,
      settings: this.#settings,
      host: this.#host,
    });
    const ended = work.ended.then((since) => {
      this.#running.delete(key);
      const task = partition.tasks.get(key);
      if (task !== undefined && task.revision >= since && !partition.leaving) this.#await(task);
      this.#pump();
    });
    this.#running.set(key, { partition, work, ended });
  }
}
