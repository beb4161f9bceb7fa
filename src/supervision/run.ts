import type { Clock, TimerId } from "../clock";
import { parseDuration } from "../duration";
import { LeaseLostError, TimeoutError, toError } from "../errors";
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
  const settle = (end: RunEnd): void => {
    if (timer !== undefined) clock.clearTimeout(timer);
    span?.end(end.outcome, end.error);
    onSettled(end);
  };
  const succeed = (): void => {
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
    const result = span === undefined ? task(context) : span.within(() => task(context));
    if (isThenable(result)) result.then(succeed, fail);
    else succeed();
  } catch (thrown) {
    fail(thrown);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** What a failure means, given the reason for which the run had been aborted before, if it had. */
function ended(thrown: unknown, reason: Error | undefined): RunEnd {
  if (reason instanceof TimeoutError) return { outcome: "timedOut", error: reason };
  if (reason instanceof LeaseLostError) return { outcome: "leaseLost", error: reason };
  if (reason !== undefined && (thrown === reason || isAbort(thrown))) return { outcome: "aborted", error: reason };
  if (thrown instanceof DiscardError) return { outcome: "discarded", error: thrown };
  const error = toError(thrown);
  if (thrown instanceof RetryAfterError) {
    return { outcome: "failed", error, retryAfter: parseDuration("retryAfter", thrown.delay, { min: 0 }) };
  }
  return { outcome: "failed", error };
}

function isAbort(thrown: unknown): boolean {
  return (
    thrown instanceof Error && (thrown.name === "AbortError" || (thrown as { code?: unknown }).code === "ERR_SHUTDOWN")
  );
}
