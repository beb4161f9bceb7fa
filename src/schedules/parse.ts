import type { Duration } from "../duration";
import type { Schedule } from "../schedule";
import { readOptions, show } from "../validate";
import { OstinatoError } from "../errors";
import { cron, type CronOptions } from "./cron";
import { daily } from "./daily";
import type { TimeOfDay } from "./fields";
import { interval, type IntervalOptions } from "./interval";
import { readCall, type Literal } from "./literal";
import { monthly, type MonthlyOptions } from "./monthly";
import { weekly, type WeeklyOptions } from "./weekly";

/** What holds where the text itself says nothing. */
export interface ParseScheduleOptions {
  /** The zone of a calendar schedule that names none; default the machine's. */
  timeZone?: string | undefined;
}

const forms = [
  'a cron expression such as "0 9 * * mon-fri" or "@daily"',
  'a duration such as "1h" or "every 90s"',
  '"daily 12:00"',
  '"weekly mon,thu 09:30"',
  '"monthly 31 12:00:30" (without a time: midnight)',
  'or a schedule as in code: interval("1h"), daily({ hour: 12 })',
].join(", ");

/**
 * Reads a schedule as people type it, or as a schedule's `toString()` writes it.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE listing the allowed forms; and what the schedule itself refuses.
 */
export function parseSchedule(text: string, options: ParseScheduleOptions = {}): Schedule {
  const given = typeof text === "string" && text.length <= 2_000 ? text.trim() : "";
  const { timeZone } = readOptions("parseSchedule", options, ["timeZone"]);
  const zoned = timeZone === undefined ? {} : { timeZone };
  const call = readCall(given);
  if (call !== undefined) return fromCall(call.name, call.args, zoned) ?? refuseText(text);
  const words = given.split(/\s+/);
  const kind = words[0]?.toLowerCase() ?? "";
  const namesDay = words.length === 3 || (words.length === 2 && !given.includes(":"));
  if (kind === "daily" && words.length <= 2) return daily({ ...timeOfDay(words[1], text), ...zoned });
  if (kind === "weekly" && namesDay) {
    const day = (words[1] as string).split(",").map((each) => (/^\d$/.test(each) ? Number(each) : each));
    return weekly({
      day: day as WeeklyOptions["day"],
      ...timeOfDay(words[2], text),
      ...zoned,
    });
  }
  if (kind === "monthly" && namesDay) {
    const day = words[1]?.toLowerCase() === "last" ? -1 : Number(words[1]);
    return monthly({ day, ...timeOfDay(words[2], text), ...zoned });
  }
  const duration = given.replace(/^(?:every|interval)\s+/i, "");
  if (/^\d*\.?\d+\s*[a-z]+$/i.test(duration)) return interval(duration as Duration);
  if (given.startsWith("@") || (/^[\d*]/.test(given) && words.length >= 5)) return cron(given, zoned);
  return refuseText(text);
}

type Zoned = Pick<CronOptions, "timeZone">;

/** Arguments go on unchecked: the schedules refuse what is wrong themselves. */
function fromCall(name: string, args: readonly Literal[], zoned: Zoned): Schedule | undefined {
  const [first, second = {}] = args as unknown[];
  if (name === "daily" && args.length === 0) return daily(zoned);
  if (args.length === 0 || args.length > 2) return undefined;
  if (name === "interval") return interval(first as Duration, second as IntervalOptions);
  if (name === "cron") return cron(first as string, { ...zoned, ...(second as CronOptions) });
  if (args.length !== 1) return undefined;
  const fields = typeof first === "object" && !Array.isArray(first) ? { ...zoned, ...first } : first;
  if (name === "daily") return daily(fields);
  if (name === "weekly") return weekly(fields as WeeklyOptions);
  if (name === "monthly") return monthly(fields as MonthlyOptions);
  return undefined;
}

function timeOfDay(word = "00:00", text: string): Required<Omit<TimeOfDay, "timeZone">> {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(word);
  if (match === null) return refuseText(text);
  const [, hour, minute, second = "0"] = match;
  return { hour: Number(hour), minute: Number(minute), second: Number(second) };
}

function refuseText(text: unknown): never {
  throw new OstinatoError("ERR_INVALID_SCHEDULE", `schedule: expected ${forms}; got ${show(text)}`);
}
