import { types } from "node:util";
import { OstinatoError, type ErrorCode } from "./errors";
import { isError, read, setOwn, textOf, toError } from "./foreign";

/** Bytes of UTF-8 that a name or an id may have. */
export const longestName = 512;

/** A value as a refusal shows it: short, quoted, never throwing. */
export function show(value: unknown): string {
  if (typeof value === "string") return quoted(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  if (typeof value === "function") return "a function";
  if (types.isProxy(value)) return "a Proxy";
  if (Array.isArray(value)) return `an array of ${String(value.length)}`;
  if (isError(value)) return "an error";
  if (typeof value === "object" && value !== null) return "an object";
  return textOf(value, 80);
}

const unseen = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Surrogate}/gu;

/**
 * A name within a line: quoted as JSON, with every character escaped that would break the line, or would not be seen
 * in it (control characters, Unicode's line breaks, marks of direction). No name can forge a line or hide in it.
 */
export function quoted(name: string): string {
  return JSON.stringify(name).replace(unseen, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same without the quotes, for names that stand alone. */
export function escaped(name: string): string {
  return quoted(name).slice(1, -1);
}

/**
 * The one rule for whatever names something: tasks, supervisors, nodes, ids, locks.
 *
 * @throws OstinatoError when it is not a non-empty text of at most 512 bytes of UTF-8, or holds half a character.
 */
export function requireName(option: string, value: unknown, code: ErrorCode = "ERR_INVALID_OPTION"): string {
  const isText = typeof value === "string" && value.length > 0 && value.length <= longestName;
  if (!isText || Buffer.byteLength(value) > longestName || /\p{Surrogate}/u.test(value)) {
    refuse(
      option,
      `a non-empty text of at most ${String(longestName)} bytes of UTF-8, without half characters`,
      value,
      code,
    );
  }
  return value;
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

/** How options are read where it is not the usual way. */
interface Reading {
  /** What a refusal asks for; default an object. */
  expected?: string;
  code?: ErrorCode;
  /** Names whose `null` counts as left out. */
  nullable?: readonly string[];
}

/**
 * The options that were given, each read once. `undefined` counts as left out; `null` is refused, wherever options are
 * taken, and so is a name that nobody reads.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, or `code`, when it is no object, has other names, or cannot be read
 */
export function readOptions<T extends object>(
  what: string,
  given: T,
  known: readonly string[],
  reading: Reading = {},
): T {
  namesIn(what, given, reading);
  refuseUnknown(what, given, known, reading.code);
  return pick(what, given, known, reading);
}

/** Refuses option names that nobody reads. */
export function refuseUnknown(
  what: string,
  given: object,
  known: readonly string[],
  code: ErrorCode = "ERR_INVALID_OPTION",
): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new OstinatoError(code, `${what}: there is no option ${show(unknown)}; the options are ${known.join(", ")}`);
}

/** The same where further names are passed on to others. */
export function readOpenOptions<T extends object>(what: string, given: T, expected?: string): T {
  const reading = expected === undefined ? {} : { expected };
  return pick(what, given, namesIn(what, given, reading), reading);
}

function namesIn(what: string, given: unknown, { expected = "an object", code }: Reading): string[] {
  try {
    if (typeof given === "object" && given !== null && !Array.isArray(given)) return Object.keys(given);
  } catch {
    // A Proxy that does not tell its names is refused.
  }
  return refuse(what, expected, given, code);
}

function pick<T extends object>(what: string, given: T, names: readonly string[], reading: Reading): T {
  const { code = "ERR_INVALID_OPTION", nullable = [] } = reading;
  const picked: Record<string, unknown> = {};
  for (const name of names) {
    let value: unknown;
    try {
      value = (given as Record<string, unknown>)[name];
    } catch (cause) {
      throw new OstinatoError(code, `${what}: the option ${show(name)} cannot be read`, { cause: toError(cause) });
    }
    if (value === null && !nullable.includes(name)) refuse(name, "a value, or that it is left out", null, code);
    if (value !== undefined && value !== null) setOwn(picked, name, value, true);
  }
  return picked as T;
}

/** `Array.isArray`, and false for a Proxy that cannot be looked at. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Milliseconds of what `new Date` takes; NaN for anything else. */
export function timeOf(value: unknown): number {
  try {
    return new Date(value as Date).getTime();
  } catch {
    return NaN;
  }
}

/** Whether it has a method of this name; false for what cannot be read. */
export function hasMethod(value: unknown, name: PropertyKey): boolean {
  return typeof read(value, name) === "function";
}

/** @throws OstinatoError ERR_INVALID_OPTION unless it has a method of this name */
export function requireMethod(option: string, value: unknown, name: string): void {
  if (!hasMethod(value, name)) refuse(`${option}.${name}`, "a function", read(value, name));
}

/**
 * A function that is called to do work. A generator's work begins only when somebody reads it, and a class cannot be
 * called at all: they are refused here, where they can be seen.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function requireWork<T>(option: string, value: T): T {
  if (typeof value !== "function") refuse(option, "a function", value);
  const lazy = types.isGeneratorFunction(value)
    ? "a generator function, which does nothing when it is called"
    : undefined;
  const fault = lazy ?? (isClass(value) ? "a class" : undefined);
  if (fault === undefined) return value;
  throw new OstinatoError("ERR_INVALID_OPTION", `${option}: expected a plain or async function; got ${fault}`);
}

/** Only a class has a prototype that cannot be replaced. */
function isClass(value: unknown): boolean {
  if (types.isProxy(value)) return false;
  return Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;
}
