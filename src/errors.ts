import { read } from "./foreign";

export { toError } from "./foreign";

/**
 * Every error that ostinato throws or reports is an {@link OstinatoError} with one of these codes.
 * Codes are promises: they keep their meaning between versions. Messages may be reworded.
 * `docs/errors.md` explains each, and a test compares the two in both directions.
 */
export const errorCodes = {
  ERR_INVALID_OPTION:
    "An option has a value that is not allowed; the message names the option, what was expected and what was given.",
  ERR_INVALID_DURATION:
    'A duration is neither milliseconds nor a string such as "90s" or "5m", or lies outside the allowed range.',
  ERR_INVALID_SCHEDULE:
    "A schedule cannot be built from these fields, can never be due, or its next() returned no later instant.",
  ERR_INVALID_TIME_ZONE: "The time zone is not an IANA name that this Node knows.",
  ERR_DUPLICATE_NAME: "Another task, supervisor or queue of this runtime has the same name.",
  ERR_ALREADY_STARTED: "start() was called twice.",
  ERR_STOPPED: "The runtime, supervisor or task has been stopped and cannot be used any more.",
  ERR_UNKNOWN_TASK: "No task of this name is known here.",
  ERR_TASK_IN_USE: "The task cannot be forgotten, because a live node has it or runs it.",
  ERR_TIMEOUT: "A run took longer than its time limit.",
  ERR_SHUTDOWN: "The work was asked to end because its runtime, supervisor or process is stopping.",
  ERR_SHUTDOWN_DEADLINE: "Something did not end before the shutdown deadline and was given up; the message names it.",
  ERR_OUTPUT_CLOSED: "The reader of the process's output has gone, so the work was asked to end.",
  ERR_SIBLING_FAILED: "The task was aborted because one that runs together with it failed.",
  ERR_LEASE_LOST: "The lease that allowed the run was lost or could not be renewed in time.",
  ERR_RESTART_INTENSITY: "A supervisor saw more restarts than its intensity allows and gave up.",
  ERR_CHILD_FAILED: "A child failed and its supervisor does not restart it.",
  ERR_DISCARDED: "A task asked not to be retried.",
  ERR_RETRY_AFTER: "A task asked to be tried again later.",
  ERR_RETRY_LIMIT: "Every attempt that was allowed has failed.",
  ERR_STORE_UNAVAILABLE: "The store cannot be reached at the moment; nothing was changed.",
  ERR_STORE_UNKNOWN: "The store did not answer in time; the write may or may not have been applied.",
  ERR_STORE_CLOSED: "The store was used after it was closed.",
  ERR_STORE_PATH: "The file store's path cannot be used; the message says why and what to do.",
  ERR_STORE_CORRUPT: "What the store's path holds is not an intact store.",
  ERR_STORE_FULL: "The store has no room left.",
  ERR_STORE_SETTINGS:
    "An existing bucket, or the server itself, has settings that would break the promises of exclusivity.",
  ERR_STORE_PERMISSION: "The server refused an action; the message names the missing permission.",
  ERR_NEWER_VERSION: "A record was written by a newer version and is left alone.",
  ERR_LOCK_NOT_HELD: "A lock was released by somebody who does not hold it.",
  ERR_NOT_ACCEPTING: "The queue does not accept assignments at the moment.",
  ERR_NOT_EXECUTABLE: "The queue was made without a run function and can only assign.",
  ERR_INVALID_ID: "An id is not a non-empty string, or is longer than 512 bytes.",
  ERR_INVALID_PAYLOAD:
    "A payload is not a JSON value, is refused by the schema, or is too large for the store; nothing was changed.",
  ERR_UNKNOWN_QUEUE: "The store holds no queue of this name, and this process was told not to make it.",
  ERR_QUEUE_MISMATCH: "The queue exists with another number of partitions, or on other stores.",
  ERR_USAGE: "The command line was used wrongly; the message says what is allowed.",
  ERR_MODULE: "A file given to the command line cannot be loaded or does not export what it must.",
} as const;

/** One of the codes in {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** An error with a code to match on, a message that says what to do, and the cause behind it. */
export class OstinatoError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "OstinatoError";
    this.code = code;
  }
}

/** The reason of a run's signal once its time limit has passed. */
export class TimeoutError extends OstinatoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("ERR_TIMEOUT", message, options);
    this.name = "TimeoutError";
  }
}

/** The reason of a run's signal when its runtime, supervisor or process is stopping. */
export class ShutdownError extends OstinatoError {
  constructor(message = "stopping") {
    super("ERR_SHUTDOWN", message);
    this.name = "ShutdownError";
  }
}

/** The reason of a run's signal when the lease that allowed it is gone. */
export class LeaseLostError extends OstinatoError {
  constructor(message: string, options?: { cause?: unknown }) {
    super("ERR_LEASE_LOST", message, options);
    this.name = "LeaseLostError";
  }
}

/** Whether it says that the store is out of reach at the moment, which may pass. */
export function isOutage(error: unknown): boolean {
  const code = read(error, "code");
  return code === "ERR_STORE_UNAVAILABLE" || code === "ERR_STORE_UNKNOWN";
}
