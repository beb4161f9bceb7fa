import type { Schedule } from "../schedule";
import { nextIfAny } from "../schedules/checked";

/** A row of ticks without a gap, from the first to the last, that were all claimed. Milliseconds of the wall. */
export type TickRow = readonly [first: number, last: number];

/** A row ends where ticks were missed, or where a clock was set: few are worth remembering. */
const rowsKept = 4;

/**
 * The rows after a tick was claimed. One row is all there is, unless a clock was set or ticks were missed: they are kept
 * so that a clock which is set back neither runs a tick twice nor waits for what nobody has run.
 */
export function addTick(rows: readonly TickRow[], tick: number, schedule: Schedule): TickRow[] {
  const index = rows.findLastIndex(([first]) => first <= tick);
  const before = rows[index];
  if (before !== undefined && tick <= before[1]) return [...rows];
  const joins = before !== undefined && isNext(schedule, before[1], tick);
  const row: TickRow = [joins ? before[0] : tick, tick];
  const next = [...rows.slice(0, joins ? index : index + 1), row, ...rows.slice(index + 1)];
  return next.slice(-rowsKept);
}

/** Ticks up to here are not run, as this clock has come to a row of ticks that were claimed; -Infinity where it has not. */
export function claimedUntil(rows: readonly TickRow[] | undefined, now: number): number {
  return rows?.findLast(([first]) => first <= now)?.[1] ?? -Infinity;
}

/** No tick lies between the two. A tick that was triggered by hand is none of the schedule's, and breaks no row. */
function isNext(schedule: Schedule, last: number, tick: number): boolean {
  const next = nextIfAny(schedule, last);
  return next === undefined || next >= tick;
}

/** Whether a stored value is a list of rows. */
export function areRows(value: unknown): value is TickRow[] {
  const isRow = (row: unknown): boolean =>
    Array.isArray(row) && row.length === 2 && row.every((tick) => Number.isFinite(tick));
  return Array.isArray(value) && value.every(isRow);
}
