import type { Task } from "../task";
import { refuse } from "../validate";
import { completeContext, compose, type ComposedTask } from "./context";

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
    const isClass = typeof matcher === "function" && typeof matcher.prototype === "object";
    if (!isClass && typeof matcher !== "string" && !(matcher instanceof Error)) {
      refuse("ignoreError: errors", "error classes, codes or errors", matcher);
    }
  }
  return compose("ignoreError", [task], async (given) => {
    try {
      return await task(completeContext(given));
    } catch (error) {
      if (errors.length > 0 && !matches(error, errors, [])) throw error;
      return undefined;
    }
  });
}

function matches(error: unknown, matchers: readonly ErrorMatcher[], path: readonly unknown[]): boolean {
  if (path.includes(error)) return false;
  const inside = [...path, error];
  if (matchers.some((matcher) => isMatch(error, matcher))) return true;
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.length > 0) {
    if (error.errors.every((member) => matches(member, matchers, inside))) return true;
  }
  return error.cause !== undefined && matches(error.cause, matchers, inside);
}

function isMatch(error: unknown, matcher: ErrorMatcher): boolean {
  if (error === matcher) return true;
  if (typeof matcher === "function") return error instanceof matcher;
  return typeof matcher === "string" && (error as { code?: unknown } | null | undefined)?.code === matcher;
}
