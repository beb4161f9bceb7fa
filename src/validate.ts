import { OstinatoError, type ErrorCode } from "./errors";

/** A value as a refusal shows it: short, quoted, never throwing. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${String(value.length)}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

const unseen = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Surrogate}/gu;

/**
 * A name within a line: quoted as JSON, with every character escaped that would break the line, or would not be seen
 * in it (control characters, Unicode's line breaks, marks of direction). No name can forge a line or hide in it.
 */
export function quoted(name: string): string {
  return JSON.stringify(name).replace(unseen, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The one sentence form of a refused option: which, what was expected, what was given. */
export function refuse(option: string, expected: string, got: unknown, code: ErrorCode = "ERR_INVALID_OPTION"): never {
  throw new OstinatoError(code, `${option}: expected ${expected}; got ${show(got)}`);
}

export function requireString(option: string, value: unknown): string {
  if (typeof value !== "string" || value.length === 0) refuse(option, "a non-empty string", value);
  return value;
}

export function requireFunction<T>(option: string, value: T): T {
  if (typeof value !== "function") refuse(option, "a function", value);
  return value;
}

export function requireOneOf<const T extends string>(option: string, allowed: readonly T[], value: unknown): T {
  if (!allowed.includes(value as T)) refuse(option, `one of ${allowed.map((a) => `"${a}"`).join(", ")}`, value);
  return value as T;
}

export function requireBoolean(option: string, value: unknown): boolean {
  if (typeof value !== "boolean") refuse(option, "true or false", value);
  return value;
}

export function requireNumber(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || Number.isNaN(value) || value < min || value > max) {
    refuse(option, `a number from ${String(min)} to ${String(max)}`, value);
  }
  return value;
}

/** A whole number within bounds; `Infinity` passes where `max` is `Infinity`. */
export function requireInteger(option: string, value: unknown, min: number, max: number): number {
  const whole = typeof value === "number" && (Number.isInteger(value) || (value === Infinity && max === Infinity));
  if (!whole || value < min || value > max) {
    refuse(
      option,
      max === Infinity
        ? `a whole number, ${String(min)} or more`
        : `a whole number from ${String(min)} to ${String(max)}`,
      value,
    );
  }
  return value;
}

/** Refuses option names that nobody reads, so that a misspelt one fails at once. */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new OstinatoError(
        "ERR_INVALID_OPTION",
        `${what}: there is no option "${name}"; the options are ${known.join(", ")}`,
      );
    }
  }
}
