import { clockTolerance } from "./clock-ahead";
import { nextDue, type QueueRecord } from "./queue-record";

/** Its due time, or its retry, was computed by a clock that is ahead of this one: it would wait for as long as that. */
export function isTimedAhead({ timed }: QueueRecord, now: number): boolean {
  return timed !== undefined && timed > now + clockTolerance;
}

/** The record as this clock times it: as far from now as it was from the reading of the clock that was ahead. */
export function retimed(record: QueueRecord, now: number): QueueRecord {
  const { due, retryAt, cron, timed = now } = record;
  const next: QueueRecord = { ...record, timed: now };
  if (retryAt !== undefined) {
    next.retryAt = now + Math.max(0, retryAt - timed);
    next.due = Math.min(due, now);
  } else if (cron === undefined) next.due = now + Math.max(0, due - timed);
  else next.due = nextDue({ ...record, due: now }, now) ?? due;
  return next;
}
