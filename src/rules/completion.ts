import { charged, withAttempt, type Attempt, type Past } from "./attempts";
import { backoffDelay, type Retry } from "./backoff";
import { nextDue, timesRun, type QueueMisfire, type QueueRecord } from "./queue-record";
import type { RunResult } from "./record-end";

/** Why a task was given up: its last attempt failed, it asked for it, or it killed the processes that ran it. */
export type GivenUp = "failed" | "discarded" | "crashed";

/** What becomes of a task when a run of it has ended. */
export interface Completion {
  /** Undefined: it is gone. */
  readonly record: QueueRecord | undefined;
  /** Set when it goes to the dead letters. What repeats goes on with its next time all the same. */
  readonly givenUp?: GivenUp;
  /** Its attempts, for the dead letter. */
  readonly runs?: readonly Attempt[];
}

export interface CompletionRule {
  readonly retry: Retry;
  readonly misfire: QueueMisfire;
  /** In [0, 1), for the jitter of the backoff. */
  readonly random: number;
}

/** When it ran, in milliseconds of the wall, and where. */
export interface RunPlace {
  readonly startedAt: number;
  readonly now: number;
  readonly node: string;
}

/**
 * After a run. One that was cut short by a stop or a lost lease is not counted and is due at once; a failed one is tried
 * again after its backoff while the limit allows; everything else goes on to its next time, or away. A task that has
 * ended by itself is no suspect any more.
 */
export function afterRun(claimed: QueueRecord, end: RunResult, at: RunPlace, rule: CompletionRule): Completion {
  const { outcome } = end;
  if (outcome === "succeeded") return { record: following(claimed, at.startedAt, rule.misfire) };
  const past = withRun(claimed, end, at);
  if (outcome === "aborted" || outcome === "leaseLost") return { record: { ...released(claimed), past } };
  if (outcome !== "discarded" && charged(claimed) <= rule.retry.limit) {
    const delay = end.retryAfter ?? backoffDelay(rule.retry, charged(claimed), rule.random);
    const next: QueueRecord = { ...idle(claimed), retryAt: Math.ceil(at.now + delay), timed: at.now, past };
    delete next.suspect;
    return { record: next };
  }
  const givenUp = outcome === "discarded" ? "discarded" : "failed";
  return { record: following(claimed, at.startedAt, rule.misfire), givenUp, runs: past.runs };
}

function withRun({ attempt, past, run }: QueueRecord, { outcome, error }: RunResult, at: RunPlace): Past {
  return withAttempt(past, {
    ...{ attempt, outcome, node: at.node, startedAt: at.startedAt, endedAt: at.now },
    ...(error === undefined ? {} : { error }),
    ...(run?.group === undefined ? {} : { group: run.group }),
  });
}

/** What has just been found due is to be left alone: under "skip", because a later time of it has come too. */
export function isSkipped(record: QueueRecord, now: number, misfire: QueueMisfire): boolean {
  if (misfire !== "skip" || record.attempt > 0) return false;
  const next = nextDue(record, record.due);
  return next !== undefined && next <= now;
}

/** At its next time after `after`; undefined for what runs once. */
export function following(record: QueueRecord, after: number, misfire: QueueMisfire): QueueRecord | undefined {
  const due = nextDue(record, misfire === "all" ? record.due : after);
  if (due === undefined) return undefined;
  const next: QueueRecord = { ...idle(record), ...timesRun(record), due, timed: after, attempt: 0 };
  delete next.suspect;
  delete next.past;
  delete next.unlettered;
  return next;
}

/** The claim undone. */
export function released(record: QueueRecord): QueueRecord {
  return { ...idle(record), attempt: Math.max(0, record.attempt - 1) };
}

function idle(record: QueueRecord): QueueRecord {
  const next = { ...record };
  delete next.run;
  delete next.retryAt;
  return next;
}
