import { Observable } from "rxjs";
import { Locks, type Lock } from "../cluster/locks";
import { parseDuration, type Duration } from "../duration";
import { OstinatoError, toError } from "../errors";
import type { Assignment } from "../rules/queue-record";
import { eachAtOnce } from "./bulk";
import { unknownLetter, type DeadLetter } from "./dead-letters";
import { Execution } from "./execution";
import type { QueueHost, QueueSettings } from "./options";
import { workersOf, ownersOf } from "./overview";
import type { Assigned, AssignedTask, AssignManyOptions, Queue, QueueEvent, QueueWorker } from "./queue-api";
import { leasePrefix } from "./shard";
import { Shards } from "./shards";
import type { QueueStats } from "./stats";
import { AssignedTasks } from "./tasks";

/** @throws OstinatoError ERR_QUEUE_MISMATCH; as the store's calls do. */
export async function openQueue(settings: QueueSettings, host: QueueHost, closed: () => void): Promise<AssignedQueue> {
  const shards = await Shards.open(settings, host.host.clock, host.host.alarms);
  return new AssignedQueue(settings, host, shards, closed);
}

/** One queue as one process has it. */
export class AssignedQueue implements Queue {
  readonly name: string;
  readonly executable: boolean;
  readonly events: Observable<QueueEvent>;
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #shards: Shards;
  readonly #tasks: AssignedTasks;
  readonly #locks = new Map<number, Locks>();
  readonly #closed: () => void;
  readonly #listeners = new Set<(event: QueueEvent) => void>();
  readonly #unlisten: (() => void)[];
  #accepting = true;
  #execution: Execution | undefined;
  #ending: Promise<void> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  constructor(settings: QueueSettings, host: QueueHost, shards: Shards, closed: () => void) {
    this.name = settings.name;
    this.executable = settings.run !== undefined;
    this.#settings = settings;
    this.#host = host;
    this.#shards = shards;
    this.#closed = closed;
    this.#tasks = new AssignedTasks(settings, shards, host.host.clock);
    this.events = new Observable((subscriber) => {
      const listener = (event: QueueEvent): void => subscriber.next(event);
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    });
    this.#unlisten = settings.stores.map((store) =>
      store.onEvent((event) => this.#tell({ ...event, store: store.description })),
    );
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  get executing(): boolean {
    return this.#execution !== undefined;
  }

  async assign(assignment: Assignment): Promise<"created" | "updated"> {
    this.#requireAccepting();
    return this.#tasks.assign(assignment);
  }

  async assignMany(
    assignments: Iterable<Assignment> | AsyncIterable<Assignment>,
    { onProgress, onRejected }: AssignManyOptions = {},
  ): Promise<Assigned> {
    this.#requireAccepting();
    const counts = { created: 0, updated: 0, rejected: 0 };
    const { length, size } = assignments as { length?: number; size?: number };
    const total = length ?? size;
    let done = 0;
    await eachAtOnce(assignments, async (assignment) => {
      try {
        counts[await this.assign(assignment)] += 1;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        counts.rejected += 1;
        onRejected?.(assignment, error);
      }
      onProgress?.((done += 1), total);
    });
    return counts;
  }

  async remove(id: string): Promise<boolean> {
    this.#requireAccepting();
    return this.#tasks.remove(id);
  }

  get(id: string): Promise<AssignedTask | undefined> {
    return this.#tasks.get(id);
  }

  async size(): Promise<number> {
    let count = 0;
    for await (const task of this.#tasks.list("")) count += Number(task !== undefined);
    return count;
  }

  async clear(): Promise<number> {
    let count = 0;
    await eachAtOnce(this.list(), async ({ id }) => {
      if (await this.remove(id)) count += 1;
    });
    return count;
  }

  list({ prefix = "" }: { prefix?: string } = {}): AsyncIterable<AssignedTask> {
    return this.#tasks.list(prefix);
  }

  async startAccepting(): Promise<void> {
    this.#accepting = true;
  }

  async stopAccepting(): Promise<void> {
    this.#accepting = false;
  }

  async startExecuting(): Promise<void> {
    if (!this.executable) {
      throw new OstinatoError("ERR_NOT_EXECUTABLE", `the queue "${this.name}" was made without run: it only assigns`);
    }
    await this.#ending;
    if (this.#disposed !== undefined)
      throw new OstinatoError("ERR_STOPPED", `the queue "${this.name}" has been closed`);
    this.#execution ??= new Execution(this.#settings, this.#host, this.#shards, {
      onGivenUp: ({ id }, reason, error) => {
        const message = error?.message ?? "unknown";
        const about = { queue: this.name, task: id, reason, err: error };
        this.#host.host.logger.error(about, `an assigned task went to the dead letters: ${message}`);
        this.#tell({ type: "deadLetter", id, reason, error: message });
      },
    });
  }

  async stopExecuting(): Promise<void> {
    const execution = this.#execution;
    this.#execution = undefined;
    if (execution !== undefined) this.#ending = execution.stop();
    await this.#ending;
  }

  async tryLock(id: string): Promise<Lock | false> {
    return this.#locksFor(id).tryLock(id);
  }

  async tryAutoLock(id: string, duration: Duration): Promise<boolean> {
    return this.#locksFor(id).tryAutoLock(id, parseDuration("duration", duration, { min: 1 }));
  }

  async unlock(lock: Lock): Promise<void> {
    await this.#locksFor(lock.id).unlock(lock);
  }

  async *deadLetters(): AsyncGenerator<DeadLetter> {
    for (const { deadLetters } of this.#shards.requireAll()) yield* deadLetters.list();
  }

  async retryDeadLetter(key: string): Promise<void> {
    for (const { deadLetters } of this.#shards.all) {
      const letter = await deadLetters.get(key);
      if (letter === undefined) continue;
      if (letter.id === undefined) unknownLetter(key);
      await this.#tasks.runNow(letter.id, letter.payload);
      await deadLetters.remove(key);
      return;
    }
    unknownLetter(key);
  }

  async removeDeadLetter(key: string): Promise<boolean> {
    for (const { deadLetters } of this.#shards.all) if (await deadLetters.remove(key)) return true;
    return false;
  }

  stats(): QueueStats | undefined {
    return this.#execution?.stats();
  }

  workers(): QueueWorker[] {
    return workersOf(this.name, this.#shards);
  }

  owners(): (string | undefined)[] {
    return ownersOf(this.name, this.#shards);
  }

  /** The runtime's deadline has come. */
  hurry(): void {
    this.#execution?.hurry();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    this.#accepting = false;
    await this.stopExecuting();
    await Promise.all([...this.#locks.values()].map((locks) => locks.close()));
    await this.#shards.close();
    for (const end of this.#unlisten) end();
    for (const store of this.#settings.stores) if (store !== this.#host.store) await store.close();
    this.#closed();
  }

  #tell(event: QueueEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#host.host.logger.warn({ err: toError(error) }, "a listener to a queue's events threw");
      }
    }
  }

  #locksFor(id: string): Locks {
    const { shard } = this.#shards.place(id);
    let locks = this.#locks.get(shard.index);
    if (locks === undefined) {
      const { clock, nodeId: holder } = this.#host.host;
      const prefix = `${leasePrefix(this.name)}lock.`;
      locks = new Locks({ ...shard.leases, prefix, holder, clock, lease: this.#settings.lease });
      this.#locks.set(shard.index, locks);
    }
    return locks;
  }

  #requireAccepting(): void {
    if (this.#accepting) return;
    throw new OstinatoError("ERR_NOT_ACCEPTING", `the queue "${this.name}" accepts nothing: startAccepting() first`);
  }
}

function isRefusal(error: unknown): error is OstinatoError {
  return error instanceof OstinatoError && error.code.startsWith("ERR_INVALID_");
}
