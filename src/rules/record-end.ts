import type { Outcome } from "../task";
import { addRun } from "./history";
import { backoffDelay, type Retry } from "./backoff";
import type { StoredRun, TaskRecord } from "./task-record";

/** How a run ended, as far as the record is concerned. */
export interface RunResult {
  outcome: Outcome;
  error?: string;
  /** The delay that the task itself asked for, in milliseconds. */
  retryAfter?: number;
}

/**
 * The record after a run: free for everyone, with the outcome in it. A failure waits for its next attempt while the
 * limit allows one; a run that was cut short leaves its tick open and counts for nothing (`N24`).
 *
 * @param random a number in [0, 1) for the jitter of the backoff.
 */
export function afterRun(
  record: TaskRecord,
  result: RunResult,
  at: { now: number; node: string; retry: Retry; random: number; retries: boolean; token: number },
): TaskRecord {
  const { outcome, error } = result;
  const { now } = at;
  const previousRun: StoredRun = {
    runId: record.runId,
    node: at.node,
    scheduledAt: record.tick ?? now,
    startedAt: record.startedAt ?? now,
    endedAt: now,
    attempt: record.attempt,
    outcome,
    ...(error === undefined ? {} : { error }),
  };
  const history = addRun(record.history, { ...previousRun, fencingToken: at.token });
  const next: TaskRecord = { ...record, holder: "", renewals: 0, previousRun, history };
  if (outcome === "succeeded") {
    next.state = "done";
    next.lastSuccess = now;
    next.failures = 0;
    return next;
  }
  if (outcome === "aborted") {
    next.state = at.retries ? "open" : "done";
    return next;
  }
  next.state = "done";
  next.lastFailure = now;
  next.failures = record.failures + 1;
  if (error !== undefined) next.lastError = error;
  if (at.retries && outcome !== "discarded" && record.attempt <= at.retry.limit) {
    next.state = "retry";
    next.retryAt = now + (result.retryAfter ?? backoffDelay(at.retry, record.attempt, at.random));
  }
  return next;
}
