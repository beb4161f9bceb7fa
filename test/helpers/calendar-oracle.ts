import type { WallClock } from "./wall-clock";

/**
 * The calendar rules by brute force: every minute of a stretch is looked at, one after the other, with what the wall
 * shows then. Slow, and without a thought: that is its worth.
 */
export interface Rule {
  /** Whether a date (days from 1970-01-01) belongs. */
  day(date: number): boolean;
  /** 1 at each hour and each minute that belongs. */
  hours: Uint8Array;
  minutes: Uint8Array;
  /** Sorted. */
  seconds: readonly number[];
}

const minutesOfDay = 1_440;

/** Minutes in a row, the first day of them only there to know what the wall has shown already. */
export interface Stretch {
  /** Instant of the first minute. */
  readonly start: number;
  /** What the wall shows at each minute, in minutes. */
  readonly walls: Int32Array;
  /** 1 where the wall shows it for the first time. */
  readonly fresh: Uint8Array;
  /** Wall minutes that are never shown, though others of their date are, and the index of the first minute after them. */
  readonly skipped: readonly { wall: number; index: number }[];
}

export function stretchOf(clock: WallClock, start: number, minutes: number): Stretch {
  const whole = Math.floor(start / 60_000) * 60_000;
  const walls = clock.minutes(whole, minutes);
  const fresh = new Uint8Array(minutes);
  const skipped: { wall: number; index: number }[] = [];
  const lowest = walls.reduce((low, wall) => Math.min(low, wall), Infinity);
  const shown = new Uint8Array(minutes + 4 * minutesOfDay);
  const dates = new Set<number>();
  for (let index = 0; index < minutes; index += 1) {
    const wall = walls[index] as number;
    if (shown[wall - lowest] === 0) fresh[index] = 1;
    shown[wall - lowest] = 1;
    dates.add((wall / minutesOfDay) | 0);
  }
  for (let index = minutesOfDay; index < minutes; index += 1) {
    for (let wall = (walls[index - 1] as number) + 1; wall < (walls[index] as number); wall += 1) {
      if (dates.has(Math.floor(wall / minutesOfDay))) skipped.push({ wall, index });
    }
  }
  return { start: whole, walls, fresh, skipped };
}

/** The runs of a stretch in their order, its first day left out; `from` skips to the minute that holds an instant. */
export function* runsOf(rule: Rule, stretch: Stretch, from = stretch.start): Generator<number> {
  const elapsed = rule.hours.every((belongs) => belongs === 1);
  const { start, walls, fresh } = stretch;
  for (let index = Math.max(minutesOfDay, Math.floor((from - start) / 60_000)); index < walls.length; index += 1) {
    const instant = start + index * 60_000;
    const jumped = (walls[index] as number) - (walls[index - 1] as number) > 1;
    const caughtUp =
      jumped && !elapsed && stretch.skipped.some((gap) => gap.index === index && matches(rule, gap.wall));
    if (caughtUp) yield instant;
    if (!matches(rule, walls[index] as number) || (!elapsed && fresh[index] === 0)) continue;
    for (const second of rule.seconds) if (second > 0 || !caughtUp) yield instant + second * 1_000;
  }
}

function matches(rule: Rule, wall: number): boolean {
  if (rule.minutes[wall % 60] === 0) return false;
  const time = wall % minutesOfDay;
  return rule.hours[(time / 60) | 0] === 1 && rule.day((wall - time) / minutesOfDay);
}

/** 1 at each of the given numbers below `size`. */
export function flags(size: number, values: Iterable<number>): Uint8Array {
  const set = new Uint8Array(size);
  for (const value of values) set[value] = 1;
  return set;
}
