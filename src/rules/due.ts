import type { Schedule } from "../schedule";
import { planTicks, type Misfire, type TickPlan } from "./misfire";
import { claimedUntil } from "./claimed-ticks";
import { clockTolerance } from "./clock-ahead";
import type { TaskRecord } from "./task-record";

/** How a task wants missed ticks dealt with; all in milliseconds. */
export interface DueRule {
  schedule: Schedule;
  /** A tick that is late by no more than this is on time. */
  grace: number;
  misfire: Misfire;
  misfireLimit: number;
  misfireMaxAge: number;
  /** Retries after the first attempt. */
  retryLimit: number;
}

/** What to do about a task now. `run` names the tick to claim and which attempt at it this would be. */
export type Due =
  | { kind: "run"; tick: number; attempt: number; catchUp?: { index: number; of: number } }
  | { kind: "wait"; until: number }
  | { kind: "retryLater"; at: number }
  | { kind: "exhausted" };

/**
 * May the task run, when does it next? The lease is asked apart from this: here nobody else holds the record, or its
 * holder is presumed dead.
 *
 * @param sinceTick elapsed milliseconds since this node first saw the record's tick. It lets an interval go on by
 *   elapsed time when the wall has been set back, where the next nominal tick would lie far ahead.
 * @param delay milliseconds by which starts lag behind their ticks, from `spread` and `jitter`.
 * @param sinceSeen elapsed milliseconds since this node first saw the record as it is: a retry that was timed by a clock
 *   ahead of this one waits for no more than its delay.
 */
export function due(record: TaskRecord, rule: DueRule, now: number, sinceTick: number, delay = 0, sinceSeen = 0): Due {
  const { tick, attempt } = record;
  if (tick !== null) {
    const again = { tick, attempt: attempt + 1, ...(record.catchUp ? { catchUp: record.catchUp } : {}) };
    // An attempt that was cut short did not count (N24); one whose process died did (N19).
    if (record.state === "open") return { kind: "run", ...again, attempt };
    if (record.state === "running" && attempt <= rule.retryLimit) return { kind: "run", ...again };
    if (record.state === "retry" && record.retryAt !== undefined) {
      const at = retryTime(record.retryAt, record.lastFailure, now, sinceSeen);
      return at <= now ? { kind: "run", ...again } : { kind: "retryLater", at };
    }
  }
  const next = nextTick(record, rule, now - delay, sinceTick - delay);
  return next.kind === "wait" ? { kind: "wait", until: next.until + delay } : next;
}

function retryTime(retryAt: number, failedAt: number | undefined, now: number, sinceSeen: number): number {
  if (failedAt === undefined || failedAt <= now + clockTolerance) return retryAt;
  return Math.min(retryAt, now + Math.max(0, retryAt - failedAt - sinceSeen));
}

/** The instant that the next tick is counted from: no tick up to it is to be run. */
function lastHandled(record: TaskRecord, { schedule }: DueRule, now: number): number {
  const last = Math.max(record.tick ?? record.since, claimedUntil(record.rows, now));
  const from = record.scheduleSince;
  if (from === undefined || from <= last) return last;
  // An interval keeps its beat: what repeats is counted from the last run.
  const every = schedule.elapsed?.every;
  return every === undefined ? from : last + Math.floor((from - last) / every) * every;
}

function nextTick(record: TaskRecord, rule: DueRule, now: number, sinceTick: number): Due {
  const { schedule } = rule;
  const elapsed = schedule.elapsed;
  if (record.tick === null && elapsed?.immediate === true) {
    const first = Math.max(record.since, record.scheduleSince ?? -Infinity);
    return first <= now ? { kind: "run", tick: first, attempt: 1 } : { kind: "wait", until: first };
  }
  const last = lastHandled(record, rule, now);
  const plan = planFrom(last, rule, now);
  const first = plan.run[0];
  if (first !== undefined) {
    return { kind: "run", tick: first.at, attempt: 1, ...catchUpOf(record, first.catchUp) };
  }
  if (plan.next === undefined) return { kind: "exhausted" };
  // A tick that has come and was passed over shows that the wall is not behind.
  if (elapsed === undefined || plan.handled !== last) return { kind: "wait", until: plan.next };
  if (sinceTick >= elapsed.every) return { kind: "run", tick: last + elapsed.every, attempt: 1 };
  return { kind: "wait", until: Math.min(plan.next, now + elapsed.every - sinceTick) };
}

/** A schedule that fails further on does not take the tick that has come with it. */
function planFrom(last: number, rule: DueRule, now: number): TickPlan {
  const { schedule, grace, misfire, misfireLimit: limit, misfireMaxAge: maxAge } = rule;
  try {
    return planTicks({ schedule, last, now, grace, misfire, limit, maxAge });
  } catch (error) {
    const at = schedule.next(new Date(last))?.getTime() ?? Infinity;
    if (at > now || (misfire === "skip" && now - at > grace)) throw error;
    return { run: [{ at }], handled: at, next: undefined };
  }
}

/** The rest of a row of missed ticks goes on counting where the one before it stood. */
function catchUpOf(
  record: TaskRecord,
  planned: { index: number; of: number } | undefined,
): { catchUp?: { index: number; of: number } } {
  if (planned === undefined) return {};
  const before = record.catchUp;
  if (before !== undefined && before.index < before.of && before.of - before.index === planned.of) {
    return { catchUp: { index: before.index + 1, of: before.of } };
  }
  return { catchUp: planned };
}
