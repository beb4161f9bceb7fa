import type { Schedule } from "../schedule";
import { timeOfDaySchedule } from "./calendar";
import { requireFields, requireTimeOfDay, type TimeOfDay } from "./fields";
import { requirePattern } from "./pattern";

/**
 * Once a day: `daily({ hour: 12, timeZone: "Europe/Paris" })`. Without a time, at midnight.
 *
 * A time that a spring gap skips runs at the first instant after the gap; one that an autumn overlap repeats runs the
 * first time; a day that the zone skips altogether has no run.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE, ERR_INVALID_TIME_ZONE
 */
export function daily(options: TimeOfDay = {}): Schedule {
  const given = requireFields("daily", options, ["hour", "minute", "second", "timeZone"]);
  const { hour, minute, second, zone, written } = requireTimeOfDay("daily", given);
  const pattern = requirePattern("daily", {
    days: () => 0x7fffffff,
    hours: [hour],
    minutes: [minute],
    seconds: [second],
  });
  return timeOfDaySchedule(pattern, zone, `daily({ ${written.join(", ")} })`);
}
