import { toError } from "../errors";
import { cut, isError, read } from "../foreign";

/** A task that failed, as messages call it, and what it threw. */
export interface Failure {
  readonly task: string;
  readonly error: unknown;
}

const abortCodes: unknown[] = ["ABORT_ERR", "ERR_SHUTDOWN", "ERR_SIBLING_FAILED"];

/**
 * Whether `error` only repeats that `signal` was aborted. An error that wraps an abort says more than that and is a
 * failure (T2, T6), and so is an abort error while nobody has aborted anything.
 */
export function isAbortOf(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  if (error === signal.reason) return true;
  if (!isError(error)) return false;
  const { name, errors } = toError(error) as Partial<AggregateError>;
  if (Array.isArray(errors)) return errors.length > 0 && errors.every((member) => isAbortOf(member, signal));
  return name === "AbortError" || abortCodes.includes(read(error, "code"));
}

/** Throws nothing for no failure, a single one as it is, and several as an AggregateError that names each task. */
export function throwFailures(what: string, failures: readonly Failure[]): void {
  const [first, second] = failures;
  if (first === undefined) return;
  if (second === undefined) throw first.error;
  const each = failures.map(({ task, error }) => `${task}: ${toError(error).message}`).join("; ");
  throw new AggregateError(
    failures.map(({ error }) => error),
    cut(`${String(failures.length)} tasks of ${what} failed: ${each}`),
  );
}
