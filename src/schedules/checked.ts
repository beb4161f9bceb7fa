import { OstinatoError } from "../errors";
import { hashName } from "../identity";
import type { Schedule } from "../schedule";
import { refuse, requireFunction, show } from "../validate";

type Fields = Partial<Record<"next" | "elapsed" | "timeZone", unknown>>;

const checked = new WeakSet<Schedule>();
/** A schedule's text is stored, logged and shown: longer ones are cut, and told apart by a hash. */
const maxText = 200;

/**
 * A schedule that keeps its contract, from one that may not: users write their own. Its `next` returns a later instant,
 * or undefined at the end, or throws: what the given one threw, or ERR_INVALID_SCHEDULE when it returned anything else.
 * Its `toString` never throws.
 *
 * @throws OstinatoError ERR_INVALID_OPTION when `given` is no schedule
 */
export function checkedSchedule(option: string, given: Schedule): Schedule {
  if ((typeof given !== "object" && typeof given !== "function") || (given as unknown) === null) {
    refuse(option, 'a schedule such as interval("1h")', given);
  }
  if (checked.has(given)) return given;
  const fields = fieldsOf(option, given);
  const next = requireFunction(`${option}.next`, fields.next) as Schedule["next"];
  const elapsed = checkedElapsed(option, fields.elapsed);
  const text = textOf(given);
  const schedule: Schedule = {
    next: (after) => laterInstant(Reflect.apply(next, given, [after]), after.getTime(), text),
    toString: () => text,
    ...(typeof fields.timeZone === "string" ? { timeZone: fields.timeZone } : {}),
    ...(elapsed === undefined ? {} : { elapsed }),
  };
  checked.add(schedule);
  return schedule;
}

/** What names a schedule in a record: its text, and its zone where the text does not say it. */
export function identityOf(schedule: Schedule): string {
  const text = textOf(schedule);
  const { timeZone } = schedule;
  return timeZone === undefined || text.includes(timeZone) ? text : `${text} in ${timeZone}`;
}

/** The tick after an instant, for reports: undefined too when the schedule throws. */
export function nextIfAny(schedule: Schedule, after: number): number | undefined {
  try {
    return schedule.next(new Date(after))?.getTime();
  } catch {
    return undefined;
  }
}

/** Nobody outside is trusted with the fields themselves: they are read once. */
function fieldsOf(option: string, given: Schedule): Fields {
  try {
    const { next, elapsed, timeZone }: Fields = given as Fields;
    return { next, timeZone, elapsed: typeof elapsed === "object" ? { ...elapsed } : elapsed };
  } catch {
    refuse(option, "a schedule whose fields can be read", given);
  }
}

function checkedElapsed(option: string, elapsed: unknown): Schedule["elapsed"] {
  if (elapsed === undefined || elapsed === null) return undefined;
  const { every, immediate } = elapsed as { every?: unknown; immediate?: unknown };
  if (typeof every !== "number" || !Number.isFinite(every) || every < 1) {
    refuse(`${option}.elapsed.every`, "at least 1 millisecond", every);
  }
  return { every, immediate: immediate === true };
}

function laterInstant(found: unknown, from: number, text: string): Date | undefined {
  // Common calendar packages say null where nothing is left.
  if (found === undefined || found === null) return undefined;
  const at = instantOf(found);
  if (at !== undefined && at > from) return new Date(at);
  const asked = `${text}: expected next(${new Date(from).toISOString()}) to return a later Date, or undefined at the end`;
  const got = at === undefined ? nameOf(found) : Number.isNaN(at) ? "an invalid Date" : new Date(at).toISOString();
  throw new OstinatoError("ERR_INVALID_SCHEDULE", `${asked}; got ${got}`);
}

/** Milliseconds of a Date, of this realm or another; NaN for an invalid one, undefined for what is no Date. */
function instantOf(value: unknown): number | undefined {
  try {
    return Date.prototype.getTime.call(value);
  } catch {
    return undefined;
  }
}

function nameOf(value: unknown): string {
  // An array may be a revoked proxy, which cannot even be asked for its length.
  return typeof value === "object" ? "an object that is no Date" : show(value);
}

function textOf(given: Schedule): string {
  let text = "a schedule";
  try {
    text = String(given);
  } catch {
    // It has no text of its own.
  }
  return text.length <= maxText ? text : `${text.slice(0, maxText - 12)}… #${hashName(text).toString(16)}`;
}
