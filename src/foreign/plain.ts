import { types } from "node:util";

/** What {@link plainOf} returns: JSON, and nothing that runs code when it is read. */
export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

/** How much of a value a plain copy keeps. */
export interface PlainLimits {
  /** Levels of objects within objects. Default 6. */
  depth?: number;
  /** Elements of one array, or properties of one object. Default 100. */
  entries?: number;
  /** Bytes of one text. Default 4096. */
  text?: number;
  /** Characters of all texts together. Default 16,384. */
  total?: number;
}

/** Bytes of UTF-8 that an error's message may have. */
export const longestMessage = 4_096;
/** Bytes of UTF-8 that an error's stack may have. */
export const longestStack = 16_384;

/** Bytes of UTF-8 that a name or a code may have. */
export const longestName = 200;

const largestShown = 10n ** 100n;

/**
 * The text within `limit` bytes of UTF-8, ending in "…" where it was longer. A cut text is a copy: it does not keep the
 * long one in memory.
 */
export function cut(text: string, limit: number = longestMessage): string {
  if (text.length * 3 <= limit || (text.length <= limit && Buffer.byteLength(text) <= limit)) return text;
  const bytes = Buffer.from(text.slice(0, limit));
  let end = Math.max(0, limit - 3);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString("utf8", 0, end)}…`;
}

/** A property of a value that may be anything; undefined where reading it throws. */
export function read(value: unknown, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** Whether it is an Error of this realm or another, or stands in for one. */
export function isError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false;
  }
}

/** A short text for any value, of at most `limit` bytes. It never throws, whatever the value does when it is read. */
export function textOf(value: unknown, limit: number = longestMessage): string {
  if (isError(value)) {
    const { name, message } = describe(value, allowance({ text: limit, total: limit }));
    return cut(message === "" ? name : `${name}: ${message}`, limit);
  }
  const plain = plainOf(value, { text: limit, total: limit });
  if (typeof plain === "string") return cut(plain, limit);
  return plain === undefined ? "undefined" : cut(Object.is(value, -0) ? "-0" : JSON.stringify(plain), limit);
}

/** A bounded copy of any value, for log fields and notes. What JSON cannot hold is a text in it. */
export function plainOf(value: unknown, limits: PlainLimits = {}): Plain | undefined {
  return copyValue(value, allowance(limits), 0);
}

/** What a copy may still cost. */
export interface Allowance extends Required<PlainLimits> {
  nodes: number;
  errors: number;
  readonly within: Set<unknown>;
}

export function allowance({ depth = 6, entries = 100, text = longestMessage, total = 16_384 }: PlainLimits): Allowance {
  return { depth, entries, text, total, nodes: 1_000, errors: 50, within: new Set() };
}

function copyText(text: string, left: Allowance): string {
  const copy = cut(text, Math.max(8, Math.min(left.text, left.total)));
  left.total -= copy.length;
  return copy;
}

export function copyValue(value: unknown, left: Allowance, depth: number): Plain | undefined {
  if (--left.nodes < 0) return "…";
  switch (typeof value) {
    case "undefined":
      return undefined;
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return -largestShown < value && value < largestShown ? String(value) : "[a BigInt of more than 100 digits]";
    case "string":
      return copyText(value, left);
    case "symbol":
      return `Symbol(${copyText(value.description ?? "", left)})`;
    case "function": {
      const name = read(value, "name");
      return typeof name === "string" && name !== "" ? `[function ${cut(name, longestName)}]` : "[function]";
    }
    default:
  }
  if (value === null) return null;
  if (left.within.has(value)) return "[circular]";
  if (depth >= left.depth || left.total <= 0) return "…";
  left.within.add(value);
  try {
    return copyObject(value as object, left, depth);
  } catch {
    return "[unreadable]";
  } finally {
    left.within.delete(value);
  }
}

/** @throws whatever a getter, a trap or a method of the value throws */
function copyObject(value: object, left: Allowance, depth: number): Plain | undefined {
  if (types.isDate(value)) {
    const time = Date.prototype.getTime.call(value);
    return Number.isNaN(time) ? "Invalid Date" : new Date(time).toISOString();
  }
  if (types.isBoxedPrimitive(value)) return copyValue(unboxed(value), left, depth);
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return `[${tagOf(value)} of ${count(value.byteLength)} bytes]`;
  }
  if (types.isMap(value) || types.isSet(value)) return `[${tagOf(value)} of ${count(value.size)}]`;
  if (types.isRegExp(value)) return copyText(value.source, left);
  if (isError(value)) return { ...describe(value, left, depth) };
  const convert: unknown = (value as { toJSON?: unknown }).toJSON;
  if (typeof convert === "function") {
    const told: unknown = Reflect.apply(convert, value, [""]);
    if (told !== value) return copyValue(told, left, depth + 1);
  }
  if (Array.isArray(value)) return copyArray(value, left, depth);
  const keys = Object.keys(value);
  const copy: Record<string, Plain> = {};
  for (const key of keys.slice(0, left.entries)) {
    const field = fieldOf(value, key, left, depth);
    if (field === undefined) continue;
    const name = cut(key, longestName);
    left.total -= name.length;
    setOwn(copy, name, field, true);
  }
  // Loggers take what has a message for an error, and join its stack to others.
  if (typeof copy["stack"] === "object") copy["stack"] = "…";
  if (keys.length > left.entries) copy["…"] = `${String(keys.length - left.entries)} more`;
  return copy;
}

function copyArray(value: readonly unknown[], left: Allowance, depth: number): Plain[] {
  const { length } = value;
  const copy: Plain[] = [];
  for (let index = 0; index < Math.min(length, left.entries); index++) {
    copy.push(fieldOf(value, index, left, depth) ?? null);
  }
  if (length > left.entries) copy.push(`… ${count(length - left.entries)} more`);
  return copy;
}

function fieldOf(value: object, key: PropertyKey, left: Allowance, depth: number): Plain | undefined {
  let field: unknown;
  try {
    field = (value as Record<PropertyKey, unknown>)[key];
  } catch {
    return "[unreadable]";
  }
  return copyValue(field, left, depth + 1);
}

function unboxed(value: object): unknown {
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  return types.isBigIntObject(value) ? BigInt.prototype.valueOf.call(value) : "[a boxed symbol]";
}

function tagOf(value: object): string {
  return cut(Object.prototype.toString.call(value).slice(8, -1), longestName);
}

/** The texts of an error, whatever it is. */
export function describe(error: Error, left: Allowance, depth = 0): { name: string; message: string; code?: string } {
  const [message, name, code] = [read(error, "message"), read(error, "name"), read(error, "code")];
  return {
    name: typeof name === "string" && name !== "" ? cut(name, longestName) : "Error",
    message: typeof message === "string" ? copyText(message, left) : writtenOut(copyValue(message, left, depth + 1)),
    ...(typeof code === "string" ? { code: cut(code, longestName) } : {}),
  };
}

function writtenOut(message: Plain | undefined): string {
  if (message === undefined) return "";
  return typeof message === "string" ? message : cut(JSON.stringify(message));
}

/** A size that the value itself tells may be anything. */
function count(size: unknown): string {
  return typeof size === "number" ? String(size) : "many";
}

export function setOwn(target: object, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(target, key, { value, enumerable, configurable: true, writable: true });
}
