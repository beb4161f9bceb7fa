import { Locks, type Lock } from "../cluster/locks";
import { epochMap, type EpochMap } from "../cluster/epoch";
import { reach, type Reached } from "../cluster/reached";
import { parseDuration, type Duration } from "../duration";
import { OstinatoError } from "../errors";
import { hashName } from "../identity";
import { readAssignment, readQueueRecord, requireId, type Assignment, type QueueRecord } from "../rules/queue-record";
import type { Entry, RevisionMap } from "../store";
import type { DeadLetter } from "./assigned-run";
import { Execution } from "./execution";
import type { QueueHost, QueueSettings } from "./options";

/** An assigned task as it stands. */
export interface AssignedTask<P = unknown> {
  id: string;
  payload: P;
  /** When it is due next. */
  due: Date;
  every?: number;
  cron?: string;
  timeZone?: string;
  /** Attempts at the present due time. */
  attempt: number;
  running: boolean;
}

export interface AssignManyOptions {
  /** Called after each one, with how many have been dealt with. */
  onProgress?: (done: number) => void;
}

/**
 * Tasks that any process assigns by id and one process at a time runs when they are due, at least once. Execution, where
 * there is a `run`, begins with the runtime, or at once if that runs.
 */
export interface Queue<P = unknown> extends AsyncDisposable {
  readonly name: string;
  readonly accepting: boolean;
  readonly executing: boolean;
  /** Everything of an earlier assignment of the id is replaced. @throws OstinatoError ERR_NOT_ACCEPTING, and for what is refused */
  assign(assignment: Assignment<P>): Promise<"created" | "updated">;
  /** What is refused is counted and does not stop the others; an error of the store does. */
  assignMany(
    assignments: Iterable<Assignment<P>> | AsyncIterable<Assignment<P>>,
    options?: AssignManyOptions,
  ): Promise<{ created: number; updated: number; rejected: number }>;
  /** Whether there was one. A run in progress ends, and nothing follows it. */
  remove(id: string): Promise<boolean>;
  get(id: string): Promise<AssignedTask<P> | undefined>;
  size(): Promise<number>;
  /** Removes all; resolves to how many. */
  clear(): Promise<number>;
  list(options?: { prefix?: string }): AsyncIterable<AssignedTask<P>>;
  startAccepting(): Promise<void>;
  stopAccepting(): Promise<void>;
  startExecuting(): Promise<void>;
  /** Resolves when what runs here has ended. */
  stopExecuting(): Promise<void>;
  tryLock(id: string): Promise<Lock | false>;
  tryAutoLock(id: string, duration: Duration): Promise<boolean>;
  unlock(lock: Lock): Promise<void>;
  deadLetters(): AsyncIterable<DeadLetter>;
}

/** @throws OstinatoError ERR_QUEUE_MISMATCH; as the store's calls do. */
export async function openQueue(settings: QueueSettings, host: QueueHost, closed: () => void): Promise<AssignedQueue> {
  const { name, partitions } = settings;
  const leases = await reach(host.store, "leases", `queue.${name}.`, host.clock);
  try {
    await leases.view.ready;
    await leases.map.create(`queue.${name}.config`, JSON.stringify({ v: 1, partitions }));
    const config = await leases.map.get(`queue.${name}.config`);
    const fixed = (JSON.parse(config?.value ?? "{}") as { partitions?: number }).partitions;
    if (fixed !== partitions) {
      const text = `the queue "${name}" has ${String(fixed)} partitions, not ${String(partitions)}`;
      throw new OstinatoError("ERR_QUEUE_MISMATCH", `${text}: use the same number everywhere`);
    }
    const tasks = await epochMap(host.store, `tasks-${name}`);
    return new AssignedQueue(settings, host, leases, tasks, closed);
  } catch (error) {
    await leases.view.close();
    throw error;
  }
}

/** One queue over one store. */
export class AssignedQueue implements Queue {
  readonly name: string;
  readonly executable: boolean;
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #leases: Reached;
  readonly #tasks: EpochMap;
  readonly #deadLetters: RevisionMap;
  readonly #locks: Locks;
  readonly #closed: () => void;
  #accepting = true;
  #execution: Execution | undefined;
  #ending: Promise<void> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  constructor(settings: QueueSettings, host: QueueHost, leases: Reached, tasks: EpochMap, closed: () => void) {
    this.name = settings.name;
    this.executable = settings.run !== undefined;
    this.#settings = settings;
    this.#host = host;
    this.#leases = leases;
    this.#tasks = tasks;
    this.#closed = closed;
    this.#deadLetters = host.store.map(`dead-${settings.name}`);
    const { clock, nodeId: holder } = host;
    this.#locks = new Locks({ ...leases, prefix: `queue.${this.name}.lock.`, holder, clock, lease: settings.lease });
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  get executing(): boolean {
    return this.#execution !== undefined;
  }

  async assign(assignment: Assignment): Promise<"created" | "updated"> {
    this.#requireAccepting();
    const record = readAssignment(assignment, this.#host.clock.now(), this.#settings.bucket);
    const { map } = this.#tasks;
    const key = this.#key(record.id);
    for (;;) {
      const entry = await map.get(key);
      // Who runs it goes on running it, and finds the newer definition when it has ended.
      const run = entry && readQueueRecord(entry.value)?.run;
      const value = JSON.stringify(run === undefined ? record : { ...record, run });
      const written = await (entry === undefined ? map.create(key, value) : map.update(key, value, entry.revision));
      if (written.ok) return entry === undefined ? "created" : "updated";
    }
  }

  async assignMany(
    assignments: Iterable<Assignment> | AsyncIterable<Assignment>,
    { onProgress }: AssignManyOptions = {},
  ): Promise<{ created: number; updated: number; rejected: number }> {
    const counts = { created: 0, updated: 0, rejected: 0 };
    let done = 0;
    for await (const assignment of assignments) {
      try {
        counts[await this.assign(assignment)] += 1;
      } catch (error) {
        if (!(error instanceof OstinatoError) || !error.code.startsWith("ERR_INVALID_")) throw error;
        counts.rejected += 1;
      }
      onProgress?.((done += 1));
    }
    return counts;
  }

  async remove(id: string): Promise<boolean> {
    this.#requireAccepting();
    const key = this.#key(requireId(id));
    for (;;) {
      const entry = await this.#tasks.map.get(key);
      if (entry === undefined) return false;
      if ((await this.#tasks.map.delete(key, entry.revision)).ok) return true;
    }
  }

  async get(id: string): Promise<AssignedTask | undefined> {
    const entry = await this.#tasks.map.get(this.#key(requireId(id)));
    return entry && taskOf(entry);
  }

  async size(): Promise<number> {
    let count = 0;
    for await (const entry of this.#tasks.map.list("")) count += readQueueRecord(entry.value) === undefined ? 0 : 1;
    return count;
  }

  async clear(): Promise<number> {
    let count = 0;
    for await (const { id } of this.list()) if (await this.remove(id)) count += 1;
    return count;
  }

  async *list({ prefix = "" }: { prefix?: string } = {}): AsyncGenerator<AssignedTask> {
    for await (const entry of this.#tasks.map.list("")) {
      const task = taskOf(entry);
      if (task?.id.startsWith(prefix) === true) yield task;
    }
  }

  async startAccepting(): Promise<void> {
    this.#accepting = true;
  }

  async stopAccepting(): Promise<void> {
    this.#accepting = false;
  }

  async startExecuting(): Promise<void> {
    if (!this.executable)
      throw new OstinatoError("ERR_NOT_EXECUTABLE", `the queue "${this.name}" was made without run`);
    await this.#ending;
    if (this.#disposed !== undefined)
      throw new OstinatoError("ERR_STOPPED", `the queue "${this.name}" has been closed`);
    this.#execution ??= new Execution(this.#settings, this.#host, this.#leases, this.#tasks, this.#deadLetters);
  }

  async stopExecuting(): Promise<void> {
    const execution = this.#execution;
    this.#execution = undefined;
    if (execution !== undefined) this.#ending = execution.stop();
    await this.#ending;
  }

  tryLock(id: string): Promise<Lock | false> {
    return this.#locks.tryLock(id);
  }

  async tryAutoLock(id: string, duration: Duration): Promise<boolean> {
    return this.#locks.tryAutoLock(id, parseDuration("duration", duration, { min: 1 }));
  }

  unlock(lock: Lock): Promise<void> {
    return this.#locks.unlock(lock);
  }

  async *deadLetters(): AsyncGenerator<DeadLetter> {
    for await (const entry of this.#deadLetters.list("")) yield JSON.parse(entry.value) as DeadLetter;
  }

  hurry(): void {
    this.#execution?.hurry();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    this.#accepting = false;
    await this.stopExecuting();
    await this.#locks.close();
    await this.#leases.view.close();
    this.#closed();
  }

  #requireAccepting(): void {
    if (this.#accepting) return;
    throw new OstinatoError("ERR_NOT_ACCEPTING", `the queue "${this.name}" accepts nothing: startAccepting() first`);
  }

  #key(id: string): string {
    return `${String(hashName(id) % this.#settings.partitions)}.${id}`;
  }
}

function taskOf(entry: Entry): AssignedTask | undefined {
  const record = readQueueRecord(entry.value);
  if (record === undefined) return undefined;
  const { id, payload, due, attempt, every, cron, timeZone, run }: QueueRecord = record;
  return {
    id,
    payload,
    due: new Date(due),
    attempt,
    running: run !== undefined,
    ...(every === undefined ? {} : { every }),
    ...(cron === undefined ? {} : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}
