import type { Schedule } from "../schedule";
import { timeOfDaySchedule } from "./calendar";
import { refuseField, requireFields, requireTimeOfDay, type TimeOfDay } from "./fields";
import { requirePattern } from "./pattern";

/** A time of day on one day of the month. */
export interface MonthlyOptions extends TimeOfDay {
  /** 1 to 31, where a day past the month's end means its last; or -1 for the last day, -2 for the one before, to -31. */
  day: number;
}

/**
 * Once a month: `monthly({ day: 31, hour: 12 })` runs on every month's last day. Without a time, at midnight. Gaps and
 * overlaps as with {@link daily}.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE, ERR_INVALID_TIME_ZONE
 */
export function monthly(options: MonthlyOptions): Schedule {
  const given = requireFields("monthly", options, ["day", "hour", "minute", "second", "timeZone"]);
  const { day } = given;
  if (typeof day !== "number" || !Number.isInteger(day) || day === 0 || day < -31 || day > 31) {
    refuseField("monthly.day", "a whole number from 1 to 31, or from -1 (the last day) to -31", day);
  }
  const { hour, minute, second, zone, written } = requireTimeOfDay("monthly", given);
  const pattern = requirePattern("monthly", {
    days: (length) => 1 << (day > 0 ? Math.min(day, length) - 1 : Math.max(length + day, 0)),
    hours: [hour],
    minutes: [minute],
    seconds: [second],
  });
  return timeOfDaySchedule(pattern, zone, `monthly({ day: ${String(day)}, ${written.join(", ")} })`);
}
