import { OstinatoError, toError } from "../errors";
import { refuse, refuseUnknown } from "../validate";
import { requireId, type Assignment } from "./queue-record";

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

const notNull = [
  ["every", "ERR_INVALID_DURATION"],
  ["cron", "ERR_INVALID_SCHEDULE"],
  ["timeZone", "ERR_INVALID_TIME_ZONE"],
] as const;

/**
 * An assignment as JSON has it: `at` is milliseconds since 1970, or ISO 8601. What the fields hold is checked when it is
 * assigned.
 *
 * @throws OstinatoError ERR_INVALID_PAYLOAD when it is no JSON or has no payload, ERR_INVALID_OPTION when it is no object
 *   or `at` no time, ERR_INVALID_ID; ERR_INVALID_DURATION and its kin for null.
 */
export function readAssignmentText(text: string): Assignment {
  const given = readObject(text, '{"id":"user:1","payload":{},"every":"60s"}');
  requireId(given["id"]);
  if (given["payload"] === undefined) refuse("payload", "a JSON value", undefined, "ERR_INVALID_PAYLOAD");
  for (const [field, code] of notNull)
    if (given[field] === null) refuse(field, "a value, or to be left out", null, code);
  const { at } = given;
  return (at === undefined ? given : { ...given, at: readAt(at) }) as unknown as Assignment;
}

/**
 * The id of what is to be removed.
 *
 * @throws OstinatoError ERR_INVALID_PAYLOAD when it is no JSON, ERR_INVALID_OPTION when it is no object with an id alone,
 *   ERR_INVALID_ID.
 */
export function readRemovalText(text: string): string {
  const given = readObject(text, '{"id":"user:1"}');
  refuseUnknown("remove", given, ["id"]);
  return requireId(given["id"]);
}

/**
 * An instant, the same wherever it is read: a time without an offset is none.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function readAt(at: unknown): Date | number {
  if (typeof at === "number") return at;
  const date = typeof at === "string" && instant.test(at) && isDay(at.slice(0, 10)) ? new Date(at) : undefined;
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  return refuse("at", 'milliseconds since 1970, or a time such as "2026-01-31T09:00:00Z"', at);
}

/** Whether the month has this day: `Date` takes 30 February for 2 March. */
function isDay(day: string): boolean {
  const date = new Date(day);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

/** Only with such an exponent, or so many digits, can a number of JSON be beyond what a double holds. */
const mayOverflow = /[eE]\+?\d{3}|\d{300}/;

/** Without recursion: a text may be nested as deep as it is long. */
function holdsInfinity(given: unknown): boolean {
  const open: unknown[] = [given];
  while (open.length > 0) {
    const value = open.pop();
    if (value === Infinity || value === -Infinity) return true;
    if (typeof value === "object" && value !== null) for (const each of Object.values(value)) open.push(each);
  }
  return false;
}

function readObject(text: string, example: string): Record<string, unknown> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new OstinatoError("ERR_INVALID_PAYLOAD", `it is no JSON: ${toError(cause).message}`, { cause });
  }
  if (mayOverflow.test(text) && holdsInfinity(given)) {
    throw new OstinatoError("ERR_INVALID_PAYLOAD", "it holds a number that is too large: send it as a string");
  }
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return given as Record<string, unknown>;
  throw new OstinatoError("ERR_INVALID_OPTION", `it is no object such as ${example}`);
}
