import type { Logger } from "pino";
import type { Clock } from "./clock";
import type { Duration } from "./duration";
import { OstinatoError } from "./errors";
import { textOf } from "./foreign";

/** How a run ended. `aborted`: cut short by a stop; `leaseLost`: another node may run it; `discarded`: the task asked not to be retried. */
export type Outcome = "succeeded" | "failed" | "timedOut" | "aborted" | "leaseLost" | "discarded";

/** When and how a run ended, on whichever node. */
export interface RunSummary {
  runId: string;
  node: string;
  scheduledAt: Date;
  startedAt: Date;
  endedAt: Date;
  attempt: number;
  outcome: Outcome;
  /** The error's message, where there was one. */
  error?: string;
}

/** What a run is given. */
export interface TaskContext {
  /** The task's name. */
  name: string;
  /** Aborted on timeout, stop, a lost lease and shutdown; its reason says which. */
  signal: AbortSignal;
  /** 1 on the first try, one more with each retry of the same tick. */
  attempt: number;
  /** The tick that this run answers. */
  scheduledAt: Date;
  /** Milliseconds from the tick to this start. */
  lateBy: number;
  /** Under misfire "all": which of the missed ticks this is. */
  catchUp?: { index: number; of: number };
  /** The run before this one, on whichever node it was. */
  previousRun?: RunSummary;
  /** Grows with every acquisition in the cluster: pass it to what you write to, and let that refuse smaller ones. */
  fencingToken: number;
  /** A child logger, bound to the task and the run. */
  logger: Logger;
  /** Tells watchers how far the run is; costs nothing when nobody looks. */
  progress(done: number, total?: number, note?: string): void;
}

/**
 * A unit of work: a function of a context. Returning (or resolving) is success, throwing (or rejecting) is failure.
 *
 * What a task must do: return only when it has truly ended, and end soon after `context.signal` is aborted. What it may
 * do: throw `discard(cause)` when retrying is pointless, or `retryAfter("30s", cause)` to choose the delay itself.
 */
export type Task = (context: TaskContext) => unknown;

/** Thrown by a task: do not retry; the run ends as `discarded`. */
export class DiscardError extends OstinatoError {
  constructor(cause?: unknown) {
    super("ERR_DISCARDED", "discarded by the task", { cause });
    this.name = "DiscardError";
  }
}

/** Thrown by a task: it failed, and is to be tried again after `delay` whatever the backoff says. */
export class RetryAfterError extends OstinatoError {
  readonly delay: Duration;

  constructor(delay: Duration, cause?: unknown) {
    super("ERR_RETRY_AFTER", `to be retried after ${textOf(delay, 100)}`, { cause });
    this.name = "RetryAfterError";
    this.delay = delay;
  }
}

/** `throw discard(cause)`: no retry; the tick (or the assigned task) is given up. */
export function discard(cause?: unknown): DiscardError {
  return new DiscardError(cause);
}

/** `throw retryAfter("30s", cause)`: a failure whose retry waits this long. */
export function retryAfter(delay: Duration, cause?: unknown): RetryAfterError {
  return new RetryAfterError(delay, cause);
}

const clockSlot = Symbol("ostinato.clock");

type Bound = { [clockSlot]?: Clock };

/** Gives a context the clock that composed tasks wait on. Copies made by spreading keep it. */
export function bindClock<C extends Partial<TaskContext>>(context: C, clock: Clock): C {
  (context as Bound)[clockSlot] = clock;
  return context;
}

/** The clock that a context was bound to. */
export function boundClock(context: Partial<TaskContext>): Clock | undefined {
  return (context as Bound)[clockSlot];
}
