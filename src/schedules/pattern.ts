import { OstinatoError } from "../errors";
import { firstDayOfMonth, monthOfDay, weekdayOfDay } from "./civil";

/** Which days of a month of `length` days, whose first day falls on weekday `first` (0 = Sunday), belong: bit 0 is the 1st. */
export type DayRule = (length: number, first: number) => number;

/** A set of wall times, whatever the zone. */
export interface Pattern {
  /** Bit 0 is January. */
  readonly months: number;
  /** The days of each of the 28 forms that a month can have: `(length - 28) * 7 + weekday of its first day`. */
  readonly days: Int32Array;
  /** Sorted, none empty. */
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
  /** The next matching hour at or after each hour, or -1; likewise for minutes and seconds. */
  readonly nextHour: Int8Array;
  readonly nextMinute: Int8Array;
  readonly nextSecond: Int8Array;
}

const secondsOfDay = 86_400;
/** The Gregorian calendar repeats after 400 years: what does not match within them never does. */
const monthsOfCycle = 4_800;
const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export interface PatternFields {
  months?: readonly number[];
  days: DayRule;
  hours: readonly number[];
  minutes: readonly number[];
  seconds: readonly number[];
}

/**
 * Builds a pattern; `what` begins the refusal of one that no day of any year can match.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE
 */
export function requirePattern(what: string, fields: PatternFields): Pattern {
  const months = fields.months ? fields.months.reduce((bits, month) => bits | (1 << (month - 1)), 0) : 0xfff;
  const days = new Int32Array(28);
  for (let length = 28; length <= 31; length += 1) {
    const existing = length === 31 ? 0x7fffffff : (1 << length) - 1;
    for (let first = 0; first < 7; first += 1) {
      days[(length - 28) * 7 + first] = fields.days(length, first) & existing;
    }
  }
  // Every month, February with 29 days included, begins on every weekday in some year.
  const possible = monthLengths.some((length, month) => {
    if ((months & (1 << month)) === 0) return false;
    const forms = [...days.subarray((length - 28) * 7, (length - (month === 1 ? 26 : 27)) * 7)];
    return forms.some((bits) => bits !== 0);
  });
  if (!possible) {
    throw new OstinatoError(
      "ERR_INVALID_SCHEDULE",
      `${what}: no month of any year has such a day, so it would never run`,
    );
  }
  return {
    months,
    days,
    hours: fields.hours,
    minutes: fields.minutes,
    seconds: fields.seconds,
    nextHour: successors(fields.hours, 24),
    nextMinute: successors(fields.minutes, 60),
    nextSecond: successors(fields.seconds, 60),
  };
}

function successors(values: readonly number[], size: number): Int8Array {
  const next = new Int8Array(size + 1).fill(-1);
  for (let value = size - 1; value >= 0; value -= 1)
    next[value] = values.includes(value) ? value : (next[value + 1] ?? -1);
  return next;
}

/**
 * The first matching wall time at or after `from`; both are seconds from 1970-01-01T00:00 on the wall, as though it
 * had no zone.
 */
export function nextWallTime(pattern: Pattern, from: number): number {
  const day = Math.floor(from / secondsOfDay);
  const matching = nextDay(pattern, day);
  if (matching === day) {
    const time = nextTimeOfDay(pattern, from - day * secondsOfDay);
    if (time >= 0) return day * secondsOfDay + time;
    return nextDay(pattern, day + 1) * secondsOfDay + nextTimeOfDay(pattern, 0);
  }
  return matching * secondsOfDay + nextTimeOfDay(pattern, 0);
}

/** The first matching second of the day at or after `from`, or -1. */
function nextTimeOfDay(pattern: Pattern, from: number): number {
  let hour = (from / 3_600) | 0;
  let minute = ((from % 3_600) / 60) | 0;
  const firstSecond = pattern.nextSecond[0] as number;
  const firstMinute = pattern.nextMinute[0] as number;
  const wantedHour = pattern.nextHour[hour] as number;
  if (wantedHour !== hour) return wantedHour < 0 ? -1 : wantedHour * 3_600 + firstMinute * 60 + firstSecond;
  const wantedMinute = pattern.nextMinute[minute] as number;
  if (wantedMinute === minute) {
    const second = pattern.nextSecond[from % 60] as number;
    if (second >= 0) return hour * 3_600 + minute * 60 + second;
    minute = pattern.nextMinute[minute + 1] as number;
  } else minute = wantedMinute;
  if (minute >= 0) return hour * 3_600 + minute * 60 + firstSecond;
  hour = pattern.nextHour[hour + 1] as number;
  return hour < 0 ? -1 : hour * 3_600 + firstMinute * 60 + firstSecond;
}

/** The first matching day at or after `from`, both as days from 1970-01-01. */
function nextDay(pattern: Pattern, from: number): number {
  let month = monthOfDay(from);
  let first = firstDayOfMonth(month);
  let passed = from - first;
  for (let looked = 0; looked <= monthsOfCycle; looked += 1) {
    const following = firstDayOfMonth(month + 1);
    if ((pattern.months & (1 << (((month % 12) + 12) % 12))) !== 0) {
      const bits = (pattern.days[(following - first - 28) * 7 + weekdayOfDay(first)] as number) & (-1 << passed);
      if (bits !== 0) return first + 31 - Math.clz32(bits & -bits);
    }
    month += 1;
    first = following;
    passed = 0;
  }
  return Infinity;
}
