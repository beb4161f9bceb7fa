import ms, { type StringValue } from "ms";
import { OstinatoError } from "./errors";
import { show } from "./validate";

/** Milliseconds, or a string as the `ms` package reads it: `"250ms"`, `"90s"`, `"5m"`, `"3h"`, `"1d"`, `"1.5 hours"`. */
export type Duration = number | StringValue;

const forms = 'milliseconds as a number, or a string such as "250ms", "90s", "5m", "3h" or "1d"';

/** The bounds that an option sets to a duration, in milliseconds. */
export interface DurationBounds {
  /** Smallest value allowed; the default 1 refuses zero. */
  min?: number;
  /** Largest value allowed; the default is no bound. */
  max?: number;
  /** Allows `Infinity`; off by default. */
  infinite?: boolean;
}

/**
 * Reads a duration as milliseconds.
 *
 * @throws OstinatoError ERR_INVALID_DURATION naming the option, the allowed forms and what was given.
 */
export function parseDuration(option: string, value: unknown, bounds: DurationBounds = {}): number {
  const { min = 1, max = Number.MAX_SAFE_INTEGER, infinite = false } = bounds;
  const given = show(value);
  let parsed: number | undefined;
  if (typeof value === "number") parsed = value;
  else if (typeof value === "string" && value.length > 0 && value.length <= 100) parsed = ms(value as StringValue);
  if (parsed === undefined || Number.isNaN(parsed)) {
    throw new OstinatoError("ERR_INVALID_DURATION", `${option}: expected ${forms}; got ${given}`);
  }
  if (parsed === Infinity && infinite) return parsed;
  if (!Number.isFinite(parsed) || parsed < min || parsed > max) {
    const range =
      max === Number.MAX_SAFE_INTEGER
        ? `at least ${formatDuration(min)}`
        : `from ${formatDuration(min)} to ${formatDuration(max)}`;
    throw new OstinatoError("ERR_INVALID_DURATION", `${option}: expected ${range}; got ${given}`);
  }
  return parsed;
}

/** Milliseconds in the shortest exact form that {@link parseDuration} reads back: `90000` → `"90s"`. */
export function formatDuration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return "for ever";
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ] as const;
  for (const [size, unit] of units) {
    if (milliseconds >= size && milliseconds % size === 0) return `${String(milliseconds / size)}${unit}`;
  }
  return `${String(milliseconds)}ms`;
}
