import { OstinatoError } from "../errors";
import { show } from "../validate";
import type { Schedule } from "../schedule";
import { elapsedSchedule, timeOfDaySchedule } from "./calendar";
import { parseCronDays } from "./cron-days";
import { cronFields, parseCronField } from "./cron-fields";
import { requireFields } from "./fields";
import { requirePattern } from "./pattern";
import { requireZone } from "./zone-names";

/** Where a cron expression's wall clock hangs. */
export interface CronOptions {
  /** An IANA name such as `"Europe/Paris"`; default the machine's zone. */
  timeZone?: string;
}

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/**
 * A cron expression: `cron("0 9 * * mon-fri", { timeZone: "Europe/Paris" })`.
 *
 * Five fields (minute, hour, day of month, month, day of week) or six, with the second before them; or `@hourly`,
 * `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`. Numbers, names, ranges, steps and lists; `?` in
 * the day fields; `L`, `L-3`, `15W` and `LW` for the day of the month; `5L` and `5#3` for the day of the week, 0 or 7
 * being Sunday. Where both day fields restrict (neither begins with `*`), a day of either is enough.
 *
 * Where the hour field leaves out some hours, gaps and overlaps are as with `daily`. Where it matches all 24, it runs
 * whenever the wall shows a matching time, in both occurrences of an overlap.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE, for expressions that never match too; ERR_INVALID_TIME_ZONE
 */
export function cron(expression: string, options: CronOptions = {}): Schedule {
  const { timeZone } = requireFields("cron options", options, ["timeZone"]);
  const fields = splitExpression(expression);
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  const hours = parseCronField(expression, cronFields.hour, hour);
  const pattern = requirePattern(`cron ${JSON.stringify(expression)}`, {
    seconds: parseCronField(expression, cronFields.second, second),
    minutes: parseCronField(expression, cronFields.minute, minute),
    hours,
    months: parseCronField(expression, cronFields.month, month),
    days: parseCronDays(expression, dayOfMonth, dayOfWeek),
  });
  const zone = requireZone("cron.timeZone", timeZone);
  const zoned = timeZone === undefined ? "" : `, { timeZone: ${JSON.stringify(timeZone)} }`;
  const text = `cron(${JSON.stringify(expression)}${zoned})`;
  return hours.length === 24 ? elapsedSchedule(pattern, zone, text) : timeOfDaySchedule(pattern, zone, text);
}

type SixFields = [second: string, minute: string, hour: string, dayOfMonth: string, month: string, dayOfWeek: string];

function splitExpression(expression: unknown): SixFields {
  const known = `5 or 6 fields separated by blanks, or one of ${Object.keys(nicknames).join(", ")}`;
  const given = typeof expression === "string" && expression.length <= 1_000 ? expression.trim() : "";
  const fields = (nicknames[given.toLowerCase()] ?? given).split(/\s+/);
  if (fields.length === 5) fields.unshift("0");
  if (fields.length !== 6) {
    throw new OstinatoError("ERR_INVALID_SCHEDULE", `cron: expected ${known}; got ${show(expression)}`);
  }
  return fields as SixFields;
}
