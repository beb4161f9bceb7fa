import { types } from "node:util";
import { OstinatoError } from "./errors";
import { setOwn, toError } from "./foreign";
import { quoted, show } from "./validate";

const deepest = 500;

/**
 * A copy of the payload as every later reader gets it. As with `JSON.stringify`, a Date becomes its text, `toJSON`
 * decides where there is one, a property that is undefined is left out, and -0 is 0. Whatever else JSON would drop or
 * change is refused, with its place.
 *
 * @throws OstinatoError ERR_INVALID_PAYLOAD
 */
export function requireJson(payload: unknown): unknown {
  const path: (string | number)[] = [];
  try {
    return copy(payload, path, []);
  } catch (thrown) {
    const place = path.map((part) =>
      typeof part === "number" ? `[${String(part)}]` : `[${quoted(part.slice(0, 80))}]`,
    );
    const where = `payload${place.slice(0, 20).join("")}`;
    if (thrown instanceof Unfit) {
      throw new OstinatoError("ERR_INVALID_PAYLOAD", `${where}: expected a JSON value; got ${thrown.what}`);
    }
    const cause = toError(thrown);
    throw new OstinatoError("ERR_INVALID_PAYLOAD", `${where}: it cannot be read: ${cause.message}`, { cause });
  }
}

/** Told with the path as it stands where this was thrown. */
class Unfit extends Error {
  constructor(readonly what: string) {
    super(what);
  }
}

function copy(value: unknown, path: (string | number)[], within: object[]): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value + 0;
  if (typeof value !== "object") throw new Unfit(show(value));
  if (within.includes(value)) throw new Unfit("an object that contains itself");
  if (within.length >= deepest) throw new Unfit(`an object nested more than ${String(deepest)} levels deep`);
  within.push(value);
  const copied = copyObject(value, path, within);
  within.pop();
  return copied;
}

function copyObject(value: object, path: (string | number)[], within: object[]): unknown {
  const convert: unknown = (value as { toJSON?: unknown }).toJSON;
  if (typeof convert === "function") return copyConverted(value, convert, path, within);
  if (Array.isArray(value)) return copyArray(value, path, within);
  const kind = unfitKind(value);
  if (kind !== undefined) throw new Unfit(kind);
  const copied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    path.push(key);
    const field = (value as Record<string, unknown>)[key];
    if (field !== undefined) {
      const own = copy(field, path, within);
      if (key === "__proto__") setOwn(copied, key, own, true);
      else copied[key] = own;
    }
    path.pop();
  }
  return copied;
}

function copyConverted(value: object, convert: unknown, path: (string | number)[], within: object[]): unknown {
  const told: unknown = Reflect.apply(convert as () => unknown, value, [String(path.at(-1) ?? "")]);
  if (told === null && types.isDate(value)) throw new Unfit("an invalid Date");
  return copy(told, path, within);
}

function copyArray(value: readonly unknown[], path: (string | number)[], within: object[]): unknown[] {
  const copied: unknown[] = [];
  for (let index = 0; index < value.length; index++) {
    path.push(index);
    copied.push(copy(value[index], path, within));
    path.pop();
  }
  return copied;
}

/** What JSON would write as an empty object, or without a part of it. */
function unfitKind(value: object): string | undefined {
  if (types.isMap(value)) return "a Map";
  if (types.isSet(value)) return "a Set";
  if (types.isWeakMap(value) || types.isWeakSet(value)) return "a weak collection";
  if (types.isPromise(value)) return "a Promise";
  if (types.isRegExp(value)) return "a RegExp";
  if (types.isNativeError(value)) return "an Error";
  if (types.isBoxedPrimitive(value)) return "a boxed primitive";
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return "binary data";
  const hasSymbol = Object.getOwnPropertySymbols(value).some((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
  return hasSymbol ? "an object with a symbol as a key" : undefined;
}
