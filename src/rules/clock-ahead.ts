import type { Schedule } from "../schedule";
import { claimedUntil } from "./claimed-ticks";
import type { TaskRecord } from "./task-record";

/** Clocks that differ by no more than this are told apart by nobody: a tick that lies so far ahead is waited for. */
export const clockTolerance = 60_000;

/**
 * How far the record lies ahead of this clock, in milliseconds; 0 where it does not. It does when it counts from an
 * instant to come although a tick of the schedule comes before that: its clock was ahead then, or this one is behind now.
 */
export function aheadBy(record: TaskRecord, schedule: Schedule, now: number): number {
  const from = countsFrom(record);
  if (from <= now + clockTolerance) return 0;
  if (schedule.elapsed === undefined && record.tick !== null) {
    const next = schedule.next(new Date(now))?.getTime() ?? Infinity;
    if (next >= from) return 0;
  }
  return from - now;
}

/**
 * The record as it counts by this clock, or undefined where nothing has to be changed: an interval goes on by elapsed
 * time, a tick in progress ends first, and ticks that were run already are not run again, whichever clock said when.
 */
export function rebased(record: TaskRecord, schedule: Schedule, now: number, node: string): TaskRecord | undefined {
  const changed = { rebased: { node, at: now }, ...(record.scheduleSince === undefined ? {} : { scheduleSince: now }) };
  if (record.tick === null) return { ...record, ...changed, since: now };
  const isCovered = claimedUntil(record.rows, now) >= record.tick;
  if (schedule.elapsed !== undefined || record.state !== "done" || isCovered) return undefined;
  return { ...record, ...changed, tick: now, attempt: 0, catchUp: undefined };
}

function countsFrom({ tick, since, scheduleSince = -Infinity }: TaskRecord): number {
  return Math.max(tick ?? since, scheduleSince);
}
