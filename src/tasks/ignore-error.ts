import type { Task } from "../task";
import { isError, read } from "../foreign";
import { isArray, refuse } from "../validate";
import { completeContext, compose, perform, type ComposedTask } from "./context";

/** Which errors: those of a class, those with this `code`, or this very one. */
export type ErrorMatcher = (abstract new (...parameters: never[]) => unknown) | string | Error;

/**
 * Lets a task succeed in spite of the listed errors, of every error when none is listed. An error is matched by class,
 * by code or by identity, itself or anywhere in its chain of causes; an AggregateError also when all its members are (T7).
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function ignoreError(task: Task, ...errors: ErrorMatcher[]): ComposedTask {
  for (const matcher of errors) {
    const isClass = typeof matcher === "function" && typeof read(matcher, "prototype") === "object";
    if (!isClass && typeof matcher !== "string" && !isError(matcher)) {
      refuse("ignoreError: errors", "error classes, codes or errors", matcher);
    }
  }
  return compose("ignoreError", [task], async (given) => {
    try {
      return await perform(task, completeContext(given));
    } catch (error) {
      if (errors.length > 0 && !matches(error, errors, [])) throw error;
      return undefined;
    }
  });
}

const deepest = 100;

function matches(error: unknown, matchers: readonly ErrorMatcher[], path: readonly unknown[]): boolean {
  if (path.includes(error) || path.length >= deepest) return false;
  const inside = [...path, error];
  if (matchers.some((matcher) => isMatch(error, matcher))) return true;
  if (!isError(error)) return false;
  const errors = read(error, "errors");
  if (isArray(errors) && errors.length > 0 && isInstance(error, AggregateError)) {
    if (errors.every((member) => matches(member, matchers, inside))) return true;
  }
  const cause = read(error, "cause");
  return cause !== undefined && matches(cause, matchers, inside);
}

function isMatch(error: unknown, matcher: ErrorMatcher): boolean {
  if (error === matcher) return true;
  if (typeof matcher === "string") return read(error, "code") === matcher;
  return typeof matcher === "function" && isInstance(error, matcher);
}

/** A Proxy, or a class that decides for itself, may throw. */
function isInstance(error: unknown, matcher: abstract new (...parameters: never[]) => unknown): boolean {
  try {
    return error instanceof matcher;
  } catch {
    return false;
  }
}
