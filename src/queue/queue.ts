import type { Observable } from "rxjs";
import { requireLockDuration, type Lock } from "../cluster/locks";
import { leaveStore, useStore } from "../cluster/store-users";
import type { Duration } from "../duration";
import { OstinatoError } from "../errors";
import { callGuarded, read } from "../foreign";
import { readAssignmentText } from "../rules/producer-message";
import { requireIdOf, type Assignment } from "../rules/queue-record";
import { Acceptance } from "./acceptance";
import { eachAtOnce, isRefusal, overOutages } from "./bulk";
import { unknownLetter, type DeadLetter } from "./dead-letters";
import { Execution } from "./execution";
import type { QueueHost, QueueSettings } from "./options";
import { workersOf, ownersOf } from "./overview";
import type {
  Assigned,
  AssignedTask,
  AssignManyOptions,
  IntakeProblem,
  Queue,
  QueueEvent,
  QueueWorker,
} from "./queue-api";
import { intakeProblemOf } from "./intake-problems";
import { Shards } from "./shards";
import { QueueEvents } from "./queue-events";
import { QueueLocks } from "./queue-locks";
import type { QueueStats } from "./stats";
import { AssignedTasks } from "./tasks";
import { hasMethod, readOptions, refuse, requireFunction, quoted } from "../validate";

/** @throws OstinatoError ERR_QUEUE_MISMATCH; as the store's calls do. */
export async function openQueue(settings: QueueSettings, host: QueueHost, closed: () => void): Promise<AssignedQueue> {
  settings.stores.forEach(useStore);
  try {
    const shards = await Shards.open(settings, host.host.clock, host.host.alarms);
    return new AssignedQueue(settings, host, shards, closed);
  } catch (error) {
    await Promise.all(settings.stores.map(leaveStore));
    throw error;
  }
}

/** One queue as one process has it. */
export class AssignedQueue implements Queue {
  readonly name: string;
  readonly executable: boolean;
  readonly events: Observable<QueueEvent>;
  readonly #events: QueueEvents;
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #shards: Shards;
  readonly #tasks: AssignedTasks;
  readonly #acceptance: Acceptance;
  readonly #locks: QueueLocks;
  readonly #closed: () => void;
  #execution: Execution | undefined;
  /** The one that is being stopped: what it still runs may have to be hurried. */
  #leaving: Execution | undefined;
  #ending: Promise<void> = Promise.resolve();
  #disposed: Promise<void> | undefined;

  constructor(settings: QueueSettings, host: QueueHost, shards: Shards, closed: () => void) {
    this.name = settings.name;
    this.executable = settings.run !== undefined;
    this.#settings = settings;
    this.#host = host;
    this.#shards = shards;
    this.#closed = closed;
    this.#events = new QueueEvents(this.name, settings.stores, host.host);
    this.events = this.#events.all;
    this.#locks = new QueueLocks(this.name, settings.lease, shards, host.host);
    this.#tasks = new AssignedTasks(settings, shards, host.host.clock);
    this.#acceptance = new Acceptance({
      ...{ settings, shards, host: host.host, tasks: this.#tasks },
      onRefused: (id, reason, error) => this.#events.deadLetter(id, reason, error),
      onProblem: (...about) => this.#events.intakeProblem(...about),
    });
  }

  get accepting(): boolean {
    return this.#acceptance.isOpen;
  }

  get executing(): boolean {
    return this.#execution !== undefined;
  }

  async assign(assignment: Assignment): Promise<"created" | "updated"> {
    this.#acceptance.require();
    return this.#tasks.assign(assignment);
  }

  async assignMany(
    assignments: Iterable<Assignment> | AsyncIterable<Assignment>,
    options: AssignManyOptions = {},
  ): Promise<Assigned> {
    this.#acceptance.require();
    const { onProgress, onRejected } = readOptions("assignMany", options, ["onProgress", "onRejected"]);
    if (onProgress !== undefined) requireFunction("assignMany.onProgress", onProgress);
    if (onRejected !== undefined) requireFunction("assignMany.onRejected", onRejected);
    if (!isIterable(assignments)) refuse("assignMany", "an iterable of assignments", assignments);
    const counts = { created: 0, updated: 0, rejected: 0 };
    const total = [read(assignments, "length"), read(assignments, "size")].find((size) => typeof size === "number");
    const call = this.#callbacks();
    let done = 0;
    await eachAtOnce(assignments, async (assignment) => {
      try {
        counts[await overOutages(this.#host.host.clock, () => this.assign(assignment))] += 1;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        counts.rejected += 1;
        call("onRejected", () => onRejected?.(assignment, error));
      }
      done += 1;
      call("onProgress", () => onProgress?.(done, total));
    });
    return counts;
  }

  /** Calls what the user gave; what it throws is told once and changes nothing. */
  #callbacks(): (name: string, call: () => unknown) => void {
    const told = new Set<string>();
    return (name, call) =>
      callGuarded(call, (err) => {
        if (told.has(name)) return;
        told.add(name);
        this.#host.host.logger.warn({ err, queue: this.name }, `${name} of assignMany threw`);
      });
  }

  async remove(task: string | { id: string }): Promise<boolean> {
    this.#acceptance.require();
    return this.#tasks.remove(requireIdOf(task));
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
      if (await overOutages(this.#host.host.clock, () => this.remove(id))) count += 1;
    });
    return count;
  }

  list({ prefix = "" }: { prefix?: string } = {}): AsyncIterable<AssignedTask> {
    return this.#tasks.list(prefix);
  }

  startAccepting(): Promise<void> {
    return this.#acceptance.start();
  }

  stopAccepting(): Promise<void> {
    return this.#acceptance.stop();
  }

  async startExecuting(): Promise<void> {
    if (!this.executable) {
      throw new OstinatoError("ERR_NOT_EXECUTABLE", `the queue "${this.name}" was made without run: it only assigns`);
    }
    await this.#ending;
    if (this.#disposed !== undefined)
      throw new OstinatoError("ERR_STOPPED", `the queue "${this.name}" has been closed`);
    this.#execution ??= new Execution(this.#settings, this.#host, this.#shards, {
      onGivenUp: ({ id }, reason, error) => this.#events.deadLetter(id, reason, error),
      onTrouble: (event) => this.#events.trouble(event),
      onOverdue: (overrun) => this.#events.overdue(overrun),
      onRecovered: (overrun, overdueMs) => this.#events.recovered(overrun, overdueMs),
    });
  }

  async stopExecuting(): Promise<void> {
    const execution = this.#execution;
    this.#execution = undefined;
    if (execution !== undefined) {
      this.#leaving = execution;
      this.#ending = execution.stop().finally(() => (this.#leaving = undefined));
    }
    await this.#ending;
  }

  async tryLock(id: string): Promise<Lock | false> {
    return this.#locks.for(id).tryLock(id);
  }

  async tryAutoLock(id: string, duration: Duration): Promise<boolean> {
    return this.#locks.for(id).tryAutoLock(id, requireLockDuration(duration));
  }

  async unlock(lock: Lock): Promise<void> {
    await this.#locks.for(read(lock, "id")).unlock(lock);
  }

  async *deadLetters(): AsyncGenerator<DeadLetter> {
    for (const { deadLetters } of this.#shards.requireAll()) yield* deadLetters.list();
  }

  async retryDeadLetter(key: string): Promise<void> {
    for (const { deadLetters } of this.#shards.all) {
      const letter = await deadLetters.get(key);
      if (letter === undefined) continue;
      await this.#retry(letter);
      await deadLetters.remove(key);
      return;
    }
    unknownLetter(key);
  }

  async #retry({ key, id, payload, isCut, message }: DeadLetter): Promise<void> {
    if (message === undefined && id !== undefined && isCut !== true) return this.#tasks.runNow(id, payload);
    if (message?.kind !== "assign" || !message.isWhole) {
      throw new OstinatoError("ERR_UNKNOWN_TASK", `the dead letter ${quoted(key)} holds no whole task: assign it`);
    }
    await this.#tasks.assign(readAssignmentText(message.text));
  }

  async removeDeadLetter(key: string): Promise<boolean> {
    for (const { deadLetters } of this.#shards.all) if (await deadLetters.remove(key)) return true;
    return false;
  }

  stats(): QueueStats | undefined {
    return this.#execution?.stats();
  }

  workers(): QueueWorker[] {
    return workersOf(this.name, this.#shards, (worker, shard) => this.#execution?.shareOf(worker, shard));
  }

  owners(): (string | undefined)[] {
    return ownersOf(this.name, this.#shards);
  }

  intakeProblem(): IntakeProblem | undefined {
    return intakeProblemOf(this.name, this.#shards);
  }

  /** The runtime's deadline has come. */
  hurry(): void {
    this.#execution?.hurry();
    this.#leaving?.hurry();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    await Promise.all([this.#acceptance.close(), this.stopExecuting()]);
    await this.#locks.close();
    await this.#shards.close();
    this.#events.close();
    await Promise.all(this.#settings.stores.map(leaveStore));
    this.#closed();
  }
}

function isIterable(value: unknown): boolean {
  return hasMethod(value, Symbol.iterator) || hasMethod(value, Symbol.asyncIterator);
}
