import { backoffDelay, type Retry } from "./backoff";
import { nextDue, type QueueMisfire, type QueueRecord } from "./queue-record";
import type { RunResult } from "./record-end";

/** Why a task was given up: its last attempt failed, it asked for it, or the processes that ran it died of it. */
export type GivenUp = "failed" | "discarded" | "crashed";

/** What becomes of a task when a run of it has ended. */
export interface Completion {
  /** Undefined: it is gone. */
  readonly record: QueueRecord | undefined;
  /** Set when it goes to the dead letters. What repeats goes on with its next time all the same. */
  readonly givenUp?: GivenUp;
}

export interface CompletionRule {
  readonly retry: Retry;
  readonly misfire: QueueMisfire;
  /** In [0, 1), for the jitter of the backoff. */
  readonly random: number;
}

/** Milliseconds of the wall. */
export interface RunTimes {
  readonly startedAt: number;
  readonly now: number;
}

/**
 * After a run. One that was cut short by a stop or a lost lease is not counted and is due at once; a failed one is tried
 * again after its backoff while the limit allows; everything else goes on to its next time, or away.
 */
export function afterRun(claimed: QueueRecord, end: RunResult, at: RunTimes, rule: CompletionRule): Completion {
  const { outcome } = end;
  if (outcome === "aborted" || outcome === "leaseLost") return { record: released(claimed) };
  if (outcome === "succeeded") return { record: following(claimed, at.startedAt, rule.misfire) };
  if (outcome !== "discarded" && claimed.attempt <= rule.retry.limit) {
    const delay = end.retryAfter ?? backoffDelay(rule.retry, claimed.attempt, rule.random);
    return { record: { ...idle(claimed), retryAt: Math.ceil(at.now + delay) } };
  }
  const givenUp = outcome === "discarded" ? "discarded" : "failed";
  return { record: following(claimed, at.startedAt, rule.misfire), givenUp };
}

/** What has just been found due is to be left alone: under "skip", because a later time of it has come too. */
export function isSkipped(record: QueueRecord, now: number, misfire: QueueMisfire): boolean {
  if (misfire !== "skip" || record.attempt > 0) return false;
  const next = nextDue(record, record.due);
  return next !== undefined && next <= now;
}

/** A record whose runner has vanished, with no attempt left: it would go on killing whoever takes it. */
export function isPoison(record: QueueRecord, retry: Retry): boolean {
  return record.run !== undefined && record.attempt > retry.limit;
}

/** At its next time after `after`; undefined for what runs once. */
export function following(record: QueueRecord, after: number, misfire: QueueMisfire): QueueRecord | undefined {
  const due = nextDue(record, misfire === "all" ? record.due : after);
  if (due === undefined) return undefined;
  return { ...idle(record), due, attempt: 0 };
}

/** The claim undone. */
function released(record: QueueRecord): QueueRecord {
  return { ...idle(record), attempt: Math.max(0, record.attempt - 1) };
}

function idle(record: QueueRecord): QueueRecord {
  const next = { ...record };
  delete next.run;
  delete next.retryAt;
  return next;
}
