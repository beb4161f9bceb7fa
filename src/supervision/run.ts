import type { Clock, TimerId } from "../clock";
import { parseDuration } from "../duration";
import { LeaseLostError, OstinatoError, TimeoutError, toError } from "../errors";
import { read, unreadKind, whenSettled } from "../foreign";
import type { RunResult } from "../rules/record-end";
import { DiscardError, RetryAfterError, type Outcome, type Task } from "../task";
import { abortContext, abortReason, spanFor, type RunContext } from "./run-context";

/** How one call of a user's function ended. */
export interface RunEnd {
  outcome: Outcome;
  error?: Error;
  /** The delay that a `retryAfter` asked for, in milliseconds. */
  retryAfter?: number;
  /** The function returned, although the run had been aborted. */
  returned?: true;
}

/** What a record takes down of it. */
export function resultOf({ outcome, error, retryAfter }: RunEnd): RunResult {
  return {
    outcome,
    ...(error ? { error: error.message } : {}),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

export interface RunOptions {
  task: Task;
  context: RunContext;
  /** Milliseconds, or undefined for no limit. */
  timeout: number | undefined;
  clock: Clock;
  /** The time limit has passed and the signal is aborted; the function has not returned yet. */
  onTimeout: (error: Error) => void;
  /** Called once, when the function has truly ended. */
  onSettled: (end: RunEnd) => void;
}

/**
 * Calls user code once. Whatever it does (throws at once, rejects, rejects with a non-error, never returns) ends up as
 * one {@link RunEnd}, or as none while it has not settled.
 */
export function startRun(options: RunOptions): void {
  const { task, context, timeout, clock, onTimeout, onSettled } = options;
  const span = spanFor(context);
  let timer: TimerId;
  let settled = false;
  const settle = (end: RunEnd): void => {
    if (settled) return;
    settled = true;
    if (timer !== undefined) clock.clearTimeout(timer);
    span?.end(end.outcome, end.error);
    onSettled(end);
  };
  const succeed = (value: unknown): void => {
    const unread = unreadKind(value);
    if (unread !== undefined) {
      fail(unreadResult(unread));
      return;
    }
    const reason = abortReason(context);
    settle(
      reason instanceof TimeoutError || reason instanceof LeaseLostError
        ? { ...ended(reason, reason), returned: true }
        : { outcome: "succeeded" },
    );
  };
  const fail = (thrown: unknown): void => {
    settle(ended(thrown, abortReason(context)));
  };

  if (timeout !== undefined) {
    timer = clock.setTimeout(() => {
      const error = new TimeoutError(`the run took longer than its timeout of ${String(timeout)} ms`);
      abortContext(context, error);
      onTimeout(error);
    }, timeout);
  }
  try {
    whenSettled(span === undefined ? task(context) : span.within(() => task(context)), succeed, fail);
  } catch (thrown) {
    fail(thrown);
  }
}

/** What a failure means, given the reason for which the run had been aborted before, if it had. */
function ended(thrown: unknown, reason: Error | undefined): RunEnd {
  if (reason instanceof TimeoutError) return { outcome: "timedOut", error: reason };
  if (reason instanceof LeaseLostError) return { outcome: "leaseLost", error: reason };
  const error = toError(thrown);
  if (reason !== undefined && (thrown === reason || isAbort(error))) return { outcome: "aborted", error: reason };
  if (error instanceof DiscardError) return { outcome: "discarded", error };
  const retryAfter = error instanceof RetryAfterError ? delayOf(error) : undefined;
  return { outcome: "failed", error, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** Undefined where the task asked for a delay that is none: the backoff decides then. */
function delayOf(error: RetryAfterError): number | undefined {
  try {
    return parseDuration("retryAfter", read(error, "delay"), { min: 0 });
  } catch {
    return undefined;
  }
}

function isAbort(error: Error): boolean {
  return error.name === "AbortError" || read(error, "code") === "ERR_SHUTDOWN";
}

/** The failure of a run whose work never began: nobody reads what it returned. */
function unreadResult(kind: string): OstinatoError {
  return new OstinatoError(
    "ERR_INVALID_OPTION",
    `run: it returned ${kind}, which does nothing until it is read; read it in the run, and return a promise`,
  );
}
