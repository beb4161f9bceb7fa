import type { Schedule } from "../schedule";
import { timeOfDaySchedule } from "./calendar";
import { refuseField, requireFields, requireTimeOfDay, type TimeOfDay } from "./fields";
import { requirePattern } from "./pattern";
import { datesOnWeekday, weekdayNames, type Weekday } from "./weekdays";

/** A time of day on some days of the week. */
export interface WeeklyOptions extends TimeOfDay {
  /** A day, or several: 0 or 7 for Sunday to 6 for Saturday, or names such as `"monday"` and `"mon"`. */
  day: Weekday | readonly Weekday[];
}

/**
 * Once a week, or on several days of it: `weekly({ day: "monday", hour: 9 })`. Without a time, at midnight. Gaps and
 * overlaps as with {@link daily}.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE, ERR_INVALID_TIME_ZONE
 */
export function weekly(options: WeeklyOptions): Schedule {
  const given = requireFields("weekly", options, ["day", "hour", "minute", "second", "timeZone"]);
  const listed: readonly unknown[] = Array.isArray(given.day) ? given.day : [given.day];
  if (listed.length === 0) refuseField("weekly.day", "at least one day", given.day);
  const days = [...new Set(listed.map(requireWeekday))];
  const { hour, minute, second, zone, written } = requireTimeOfDay("weekly", given);
  const pattern = requirePattern("weekly", {
    days: (_length, first) => days.reduce((bits, day) => bits | datesOnWeekday(day, first), 0),
    hours: [hour],
    minutes: [minute],
    seconds: [second],
  });
  const names = days.map((day) => JSON.stringify(weekdayNames[day]));
  const day = names.length === 1 ? String(names[0]) : `[${names.join(", ")}]`;
  return timeOfDaySchedule(pattern, zone, `weekly({ day: ${day}, ${written.join(", ")} })`);
}

function requireWeekday(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 7) return value % 7;
  if (typeof value === "string") {
    const name = value.toLowerCase();
    const found = weekdayNames.findIndex((each) => each === name || each.slice(0, 3) === name);
    if (found >= 0) return found;
  }
  return refuseField(
    "weekly.day",
    'a whole number from 0 (Sunday) to 7 (Sunday again), or a name such as "monday" or "mon"',
    value,
  );
}
