import type { Schedule } from "../schedule";

/** What is done about ticks that were missed: one run for all, none, or one for each. */
export type Misfire = "once" | "skip" | "all";

/** Times are milliseconds of the wall. */
export interface MisfireQuestion {
  schedule: Schedule;
  /** The last tick that was dealt with. */
  last: number;
  now: number;
  /** A tick that is late by no more than this is on time. */
  grace: number;
  misfire: Misfire;
  /** The most missed ticks that "all" runs. */
  limit: number;
  /** Missed ticks older than this are not run. */
  maxAge: number;
}

export interface PlannedTick {
  at: number;
  /** Which of the missed ticks this is, under "all". */
  catchUp?: { index: number; of: number };
}

export interface TickPlan {
  /** The ticks to run now, oldest first. */
  run: PlannedTick[];
  /** The latest tick that has come, or `last`. */
  handled: number;
  /** The tick after it. */
  next: number | undefined;
}

/**
 * Which of the ticks since `last` are to be run. A tick on time always runs; with it, or without, missed ones follow
 * the misfire rule: "once" runs the latest of all, "skip" none that was missed, "all" the latest `limit` of them, each
 * with its place in the row.
 */
export function planTicks(question: MisfireQuestion): TickPlan {
  const { schedule, last, now, grace, misfire, limit, maxAge } = question;
  const soonest = next(schedule, last);
  if (soonest === undefined || soonest > now) return { run: [], handled: last, next: soonest };
  if (now - soonest <= grace) {
    // By far the commonest case, and the dearest to find out the long way: one tick has come, and it is on time.
    const following = next(schedule, soonest);
    if (following === undefined || following > now)
      return { run: [{ at: soonest }], handled: soonest, next: following };
  }
  const wanted = misfire === "all" ? limit + 1 : 1;
  const latest = latestTicks(
    schedule,
    last,
    now,
    wanted,
    misfire === "all" ? now - Math.max(grace, maxAge) : -Infinity,
  );
  const handled = latest[latest.length - 1] ?? last;
  const onTime = now - handled <= grace ? handled : undefined;
  const young = latest.filter((at) => at !== onTime && now - at <= maxAge);
  const plan = { handled, next: next(schedule, handled) };
  if (onTime !== undefined && misfire !== "all") return { ...plan, run: [{ at: onTime }] };
  if (misfire === "skip") return { ...plan, run: [] };
  if (misfire === "once") return { ...plan, run: young.map((at) => ({ at })) };
  const missed = young.slice(-limit);
  const run: PlannedTick[] = missed.map((at, index) => ({ at, catchUp: { index: index + 1, of: missed.length } }));
  if (onTime !== undefined) run.push({ at: onTime });
  return { ...plan, run };
}

function next(schedule: Schedule, after: number): number | undefined {
  // An interval counts from the tick before, so that it does not drift.
  return schedule.elapsed === undefined ? schedule.next(new Date(after))?.getTime() : after + schedule.elapsed.every;
}

/**
 * The latest `count` ticks in (last, now], oldest first, at most one of them older than `oldest`. However long nothing
 * ran, only about as many steps are taken as ticks are asked for.
 */
function latestTicks(schedule: Schedule, last: number, now: number, count: number, oldest: number): number[] {
  if (schedule.elapsed !== undefined) {
    const { every } = schedule.elapsed;
    const passed = Math.floor((now - last) / every);
    const taken = Math.min(passed, count);
    return Array.from({ length: taken }, (_, index) => last + (passed - taken + 1 + index) * every);
  }
  // From ever further back, until the window holds enough or everything.
  for (let reach = 1_000; ; reach *= 4) {
    const from = Math.max(last, now - reach);
    const found: number[] = [];
    for (let at = next(schedule, from); at !== undefined && at <= now; at = next(schedule, at)) found.push(at);
    if (from === last || found.length >= count || (found.length > 0 && from < oldest)) return found.slice(-count);
  }
}
