import { types } from "node:util";
import { cut, isError, longestMessage, longestName, longestStack, read } from "./plain";

const mostCauses = 5;
/** A copy has up to 100 entries, and one that tells how many were left out. */
const mostEntries = 101;
const textLimits = [
  ["message", longestMessage],
  ["name", longestName],
  ["stack", longestStack],
] as const;
const stackOwn: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(new Error(), "stack");
const unreadable = Symbol("unreadable");

/** What a look at a value may still cost before it counts as large. */
export interface Survey {
  nodes: number;
  text: number;
  depth: number;
  readonly within: Set<unknown>;
}

/** A fresh one. */
export const survey = (): Survey => ({ nodes: 300, text: 65_536, depth: mostCauses, within: new Set() });

/** For a copy, which is bounded already: what it holds may have changed since, but its size needs no second bound. */
export const surveyOfCopy = (): Survey => ({ nodes: 2_000, text: 2_000_000, depth: 30, within: new Set() });

/** Whether it can be read by anybody, again and again: small, not circular, and no code runs. */
export function isHarmless(value: unknown, left: Survey): boolean {
  if (typeof value === "string") return cut(value) === value && (left.text -= value.length) >= 0;
  if (typeof value === "bigint") return false;
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return true;
  if (types.isProxy(value) || left.within.has(value) || left.depth < 0 || --left.nodes < 0) return false;
  if (typeof value === "function") return !("toJSON" in value);
  if (isError(value)) return isHarmlessError(value, left);
  left.within.add(value);
  left.depth -= 1;
  const fine = isPlain(value) && areHarmlessFields(value, left);
  left.depth += 1;
  left.within.delete(value);
  return fine;
}

function isPlain(value: object): boolean {
  // A logger marks what it has seen.
  if (!Object.isExtensible(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return prototype === Array.prototype && value.length <= mostEntries;
  return prototype === Object.prototype || prototype === null || (types.isDate(value) && prototype === Date.prototype);
}

function areHarmlessFields(value: object, left: Survey): boolean {
  const keys = Object.keys(value);
  if (keys.length > mostEntries) return false;
  return keys.every((key) => {
    const own: PropertyDescriptor = Object.getOwnPropertyDescriptor(value, key) ?? {};
    const field: unknown = own.value;
    if (key === "stack" && typeof field === "object") return false;
    const runs = own.get !== undefined || ((key === "toJSON" || key === "cause") && typeof field === "function");
    return !runs && (left.text -= key.length) >= 0 && isHarmless(field, left);
  });
}

/** The same for an error, with its causes and its class. */
export function isHarmlessError(error: Error, left: Survey): boolean {
  if (types.isProxy(error) || !(error instanceof Error) || !Object.isExtensible(error)) return false;
  if (left.within.has(error) || left.depth < 0 || --left.nodes < 0) return false;
  if (!isHarmlessClass(Object.getPrototypeOf(error) as object)) return false;
  for (const [key, limit] of textLimits) {
    const text = dataOf(error, key);
    if (typeof text !== "string" || cut(text, limit) !== text || (left.text -= text.length) < 0) return false;
  }
  const code = dataOf(error, "code");
  if (typeof code === "string" ? cut(code, longestName) !== code : typeof code !== "number" && code !== undefined) {
    return false;
  }
  const [cause, errors] = [dataOf(error, "cause"), dataOf(error, "errors")];
  if (cause === unreadable || typeof cause === "function" || errors === unreadable) return false;
  left.within.add(error);
  left.depth -= 1;
  const fine =
    isHarmless(cause, left) &&
    isHarmless(errors, left) &&
    !Object.hasOwn(error, "constructor") &&
    areHarmlessFields(error, left);
  left.depth += 1;
  left.within.delete(error);
  return fine;
}

/** Whether the classes of an error run no code when it is read: a logger looks at all that can be enumerated. */
export function isHarmlessClass(prototype: object): boolean {
  let at: object | null = prototype;
  for (let depth = 0; at !== null && depth < 20; depth++) {
    if (at === Error.prototype) return true;
    if (types.isProxy(at)) return false;
    if (at !== DOMException.prototype) {
      const made: PropertyDescriptor = Object.getOwnPropertyDescriptor(at, "constructor") ?? {};
      if (made.get !== undefined || (made.value !== undefined && !isHarmlessMaker(made.value))) return false;
      if (!areHarmlessFields(at, { ...survey(), within: new Set() })) return false;
    }
    at = Object.getPrototypeOf(at) as object | null;
  }
  return false;
}

function isHarmlessMaker(made: unknown): boolean {
  if (typeof made !== "function" || types.isProxy(made)) return false;
  const name = Object.getOwnPropertyDescriptor(made, "name");
  return name === undefined || (typeof name.value === "string" && cut(name.value, longestName) === name.value);
}

/** A property that is data, looked up through the prototypes; {@link unreadable} where reading it would run code. */
function dataOf(value: object, key: string): unknown {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return unreadable;
    const descriptor: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(at, key);
    if (descriptor === undefined) continue;
    if (descriptor.get === undefined) return descriptor.value;
    const isNative = at === DOMException.prototype || (key === "stack" && descriptor.get === stackOwn?.get);
    return isNative ? read(value, key) : unreadable;
  }
  return undefined;
}
