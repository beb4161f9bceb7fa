import type { Observable } from "rxjs";
import type { Lock } from "../cluster/locks";
import type { Duration } from "../duration";
import type { Assignment } from "../rules/queue-record";
import type { LossEvent, ServiceEvent } from "../supervision/report";
import type { DeadLetter } from "./dead-letters";
import type { QueueStats } from "./stats";

export type { LossEvent, ServiceEvent };

/** An assigned task as it stands. */
export interface AssignedTask<P = unknown> {
  id: string;
  payload: P;
  /** When it is due next. */
  due: Date;
  /** Milliseconds. */
  every?: number;
  cron?: string;
  timeZone?: string;
  /** Attempts at the present due time. */
  attempt: number;
  /** Which part of the queue its id belongs to; `owners()` says who runs that. */
  partition: number;
  running: boolean;
  /** The node that runs it, or did when it was heard of last. */
  node?: string;
  /** After a failure: when it is tried again. */
  retryAt?: Date;
}

export interface AssignManyOptions {
  /** Called after each one, with how many have been dealt with, and their number if that is known. */
  onProgress?: (done: number, total?: number) => void;
  /** Called for each that is refused, with its error. */
  onRejected?: (assignment: unknown, error: Error) => void;
}

export interface Assigned {
  created: number;
  updated: number;
  rejected: number;
}

/** What happens around a queue in this process. `store` is its description. */
export type QueueEvent =
  | { type: "online" | "offline" | "disconnect" | "reconnect"; store: string; server?: string }
  | ServiceEvent
  | LossEvent
  | { type: "deadLetter"; id: string | undefined; reason: DeadLetter["reason"]; error: string }
  /** A run here has not ended when it should have; without id: all places are taken, and no run ends. */
  | { type: "overdue"; id: string | undefined; reason: string; dueAt: Date }
  | { type: "recovered"; id: string | undefined; overdueMs: number }
  /** Why messages of producers cannot be accepted or kept. `lost` is the beginning of one that was dropped for it. */
  | { type: "intakeProblem"; error: string; lost?: string };

/** Why messages of producers cannot be accepted, or could not be kept as dead letters. */
export interface IntakeProblem {
  /** Milliseconds of the wall of the node that accepts them. */
  at: number;
  node: string;
  error: string;
  /** How many refused messages that node has dropped because it could not keep them. */
  lost: number;
}

/** A process that executes a queue, as it told at the last renewal of its lease. */
export interface QueueWorker {
  id: string;
  host: string;
  pid: number;
  /** The partitions that it owns, as the leases show. */
  partitions: number[];
  waiting: number;
  due: number;
  running: number;
  /** Runs a second. */
  rate: number;
  /** The partitions that it owns and has not been able to serve for longer than two leases. */
  unserved: number[];
}

/**
 * Tasks that any process assigns by id and one process at a time runs when they are due, at least once. Execution, where
 * there is a `run`, begins with the runtime, or at once if that runs.
 */
export interface Queue<P = unknown> extends AsyncDisposable {
  readonly name: string;
  readonly accepting: boolean;
  readonly executing: boolean;
  /** Everything that happens, from the moment of subscription. */
  readonly events: Observable<QueueEvent>;
  /**
   * Everything of an earlier assignment of the id is replaced, at once.
   *
   * @throws OstinatoError ERR_INVALID_ID, ERR_INVALID_PAYLOAD, ERR_INVALID_OPTION, ERR_INVALID_DURATION,
   *   ERR_INVALID_SCHEDULE, ERR_INVALID_TIME_ZONE: nothing was stored; ERR_NOT_ACCEPTING; as the store's calls do.
   */
  assign(assignment: Assignment<P>): Promise<"created" | "updated">;
  /**
   * Many at a time, read from the source no faster than the store takes them; two of the same id in no promised order.
   * What is refused is counted and stops nothing. While the store is out of reach it goes on trying, for half a minute;
   * then its error is thrown, and what was assigned stays.
   */
  assignMany(
    assignments: Iterable<Assignment<P>> | AsyncIterable<Assignment<P>>,
    options?: AssignManyOptions,
  ): Promise<Assigned>;
  /** Whether there was one. A run in progress goes on, and nothing follows it. */
  remove(id: string): Promise<boolean>;
  get(id: string): Promise<AssignedTask<P> | undefined>;
  /** Counts all, by reading all. */
  size(): Promise<number>;
  /** Removes all; resolves to how many. */
  clear(): Promise<number>;
  list(options?: { prefix?: string }): AsyncIterable<AssignedTask<P>>;
  startAccepting(): Promise<void>;
  /** `assign` and `remove` reject with ERR_NOT_ACCEPTING from now on, in this process; what is under way ends. */
  stopAccepting(): Promise<void>;
  /** @throws OstinatoError ERR_NOT_EXECUTABLE when the queue was made without `run`; ERR_STOPPED. */
  startExecuting(): Promise<void>;
  /** Nothing begins any more; resolves when what runs here has ended and the partitions have been given back. */
  stopExecuting(): Promise<void>;
  /** A lock on the id, for the user's own ends: it keeps nobody from assigning, and no task from being run. */
  tryLock(id: string): Promise<Lock | false>;
  tryAutoLock(id: string, duration: Duration): Promise<boolean>;
  /** @throws OstinatoError ERR_LOCK_NOT_HELD */
  unlock(lock: Lock): Promise<void>;
  /** What could not be accepted or run, with the reason, until it is retried or removed. */
  deadLetters(): AsyncIterable<DeadLetter>;
  /**
   * Assigns the task of the letter to be run at once, and removes the letter. A repeating task goes on from now.
   *
   * @throws OstinatoError ERR_UNKNOWN_TASK when there is no such letter, or no task can be made of it.
   */
  retryDeadLetter(key: string): Promise<void>;
  /** Whether there was one. */
  removeDeadLetter(key: string): Promise<boolean>;
  /** What this process does; undefined while it does not execute. */
  stats(): QueueStats | undefined;
  /** Every process that executes the queue, with what it owns. */
  workers(): QueueWorker[];
  /** Who owns each partition; undefined where nobody does. */
  owners(): (string | undefined)[];
  /** What is wrong with the acceptance of messages of producers, in whichever process; undefined if nothing is. */
  intakeProblem(): IntakeProblem | undefined;
}
