import { readOptions, refuse } from "../validate";
import { requireZone } from "./zone-names";
import type { Zone } from "./zoned";

/** A time of day in a time zone. */
export interface TimeOfDay {
  /** 0 to 23; default 0. */
  hour?: number;
  /** 0 to 59; default 0. */
  minute?: number;
  /** 0 to 59; default 0. */
  second?: number;
  /** An IANA name such as `"Europe/Paris"`; default the machine's zone. */
  timeZone?: string;
}

/** Checked {@link TimeOfDay}, with its fields as they are written in code. */
export interface CheckedTimeOfDay {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly zone: Zone;
  readonly written: readonly string[];
}

/** Refuses a schedule's field: which, the allowed range, what was given. */
export function refuseField(field: string, expected: string, got: unknown): never {
  refuse(field, expected, got, "ERR_INVALID_SCHEDULE");
}

export function requireField(field: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    refuseField(field, `a whole number from ${String(min)} to ${String(max)}`, value);
  }
  return value;
}

/** Refuses what is not an object, and names of fields that nobody reads. */
export function requireFields<T extends object>(what: string, given: T, known: readonly string[]): T {
  return readOptions(what, given, known, {
    expected: `an object of ${known.join(", ")}`,
    code: "ERR_INVALID_SCHEDULE",
  });
}

export function requireTimeOfDay(what: string, given: TimeOfDay): CheckedTimeOfDay {
  const { hour = 0, minute = 0, second = 0, timeZone } = given;
  requireField(`${what}.hour`, hour, 0, 23);
  requireField(`${what}.minute`, minute, 0, 59);
  requireField(`${what}.second`, second, 0, 59);
  const written = [`hour: ${String(hour)}`];
  if (minute !== 0) written.push(`minute: ${String(minute)}`);
  if (second !== 0) written.push(`second: ${String(second)}`);
  if (timeZone !== undefined) written.push(`timeZone: ${JSON.stringify(timeZone)}`);
  return {
    hour,
    minute,
    second,
    zone: requireZone(`${what}.timeZone`, timeZone),
    written,
  };
}

/** Milliseconds of a valid Date. */
export function requireInstant(value: Date, option = "after"): number {
  // By method, not by class: a Date of another realm (a test runner's sandbox) is a Date as well.
  const instant = typeof (value as Date | undefined)?.getTime === "function" ? value.getTime() : NaN;
  if (Number.isNaN(instant)) refuse(option, "a valid Date", value);
  return instant;
}
