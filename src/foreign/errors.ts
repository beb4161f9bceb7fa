import { isHarmless, isHarmlessClass, isHarmlessError, survey, surveyOfCopy } from "./harmless";
import {
  allowance,
  copyValue,
  cut,
  describe,
  isError,
  longestStack,
  read,
  setOwn,
  textOf,
  type Allowance,
} from "./plain";

const mostErrors = 20;
const mostCauses = 5;
const mostFields = 32;
const copies = new WeakSet<Error>();
const ownField = new Set<PropertyKey>(["message", "name", "stack", "code", "cause", "errors"]);

/**
 * Whatever was thrown, as an Error that anybody may read: its message has at most 4 KB and its stack 16 KB, and what
 * hangs on it is bounded and runs no code. An Error that is like that already is returned itself; of any other a copy
 * is made, of the same class where that is harmless. Anything else becomes the message of a new Error.
 */
export function toError(thrown: unknown): Error {
  if (!isError(thrown)) {
    const message = textOf(thrown);
    // Loggers call a cause that is a function.
    return typeof thrown !== "function" && isHarmless(thrown, survey())
      ? new Error(message, { cause: thrown })
      : new Error(message);
  }
  if (isHarmlessError(thrown, copies.has(thrown) ? surveyOfCopy() : survey())) return thrown;
  const copy = copyError(thrown, allowance({}), 0);
  copies.add(copy);
  return copy;
}

function copyError(error: Error, left: Allowance, depth: number): Error {
  left.errors -= 1;
  const { name, message, code } = describe(error, allowance({}));
  const copy = new Error(message);
  Object.setPrototypeOf(copy, prototypeOf(error));
  setOwn(copy, "name", name);
  setOwn(copy, "stack", stackOf(error, `${name}: ${message}`));
  const number = read(error, "code");
  if (code !== undefined || read(copy, "code") !== undefined || typeof number === "number") {
    setOwn(copy, "code", code ?? (typeof number === "number" ? number : undefined), true);
  }
  const cause = read(error, "cause");
  const goesOn = depth < mostCauses && left.errors > 0 && typeof cause !== "function";
  if (cause !== undefined) setOwn(copy, "cause", goesOn ? memberOf(cause, left, depth) : undefined);
  const errors = read(error, "errors");
  if (errors !== undefined) setOwn(copy, "errors", depth < mostCauses ? membersOf(errors, left, depth) : []);
  copyFields(error, copy, left);
  return copy;
}

function memberOf(member: unknown, left: Allowance, depth: number): unknown {
  return isError(member) ? copyError(member, left, depth + 1) : copyValue(member, left, depth);
}

function membersOf(errors: unknown, left: Allowance, depth: number): unknown {
  try {
    if (!Array.isArray(errors)) return copyValue(errors, left, depth);
    const { length } = errors;
    const members = Array.from({ length: Math.min(length, mostErrors) }, (_, at) =>
      memberOf(read(errors, at), left, depth),
    );
    if (length > mostErrors) members.push(new Error(`… and ${String(length - mostErrors)} more errors`));
    return members;
  } catch {
    return [];
  }
}

function copyFields(error: Error, copy: Error, left: Allowance): void {
  try {
    for (const key of Object.keys(error).slice(0, mostFields)) {
      if (ownField.has(key) || key in Object.prototype) continue;
      const value = read(error, key);
      if (typeof value !== "function" && value !== undefined) setOwn(copy, key, copyValue(value, left, 1), true);
    }
  } catch {
    // A Proxy that does not tell its keys has none.
  }
}

/** The frames are kept where the text before them is too long. */
function stackOf(error: Error, header: string): string {
  const stack = read(error, "stack");
  if (typeof stack !== "string") return header;
  if (cut(stack, longestStack) === stack) return stack;
  const tail = stack.slice(-longestStack / 2);
  const frames = tail.indexOf("\n    at ");
  return cut(frames < 0 ? stack : header + tail.slice(frames), longestStack);
}

function prototypeOf(error: Error): object {
  try {
    const prototype: unknown = Object.getPrototypeOf(error);
    if (prototype instanceof Error || prototype === Error.prototype) {
      if (isHarmlessClass(prototype)) return prototype;
    }
  } catch {
    // A Proxy that does not tell its prototype is taken for a plain Error.
  }
  return Error.prototype;
}
