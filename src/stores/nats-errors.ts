import { OstinatoError, type ErrorCode } from "../errors";
import { quoted } from "../validate";

/** An error answer of JetStream. */
export interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** Why a request has no answer. Only `unanswered` and `cut` leave open whether the server has acted on it. */
export type Silence = "unanswered" | "cut" | "no responders" | "not sent" | "forbidden";

export class NoAnswer extends Error {
  constructor(
    readonly silence: Silence,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = "NoAnswer";
  }
}

const wrongLastSequence = 10071;
const anotherInFlight = 10164;
const full = new Set([10002, 10023, 10028, 10047]);
const tooLarge = 10054;
const refusedBySettings = new Set([10109, 10110, 10111, 10123, 10166]);

export const notFound = { message: 10037, stream: 10059, consumer: 10014 };
export const badRequest = 10003;
export const streamInUse = 10058;
export const subjectsOverlap = 10065;
/** A cluster has too few servers, now; a server that is in none has no replicas. */
export const noPeers = 10005;
export const noReplicas = 10074;
/** JetStream is not enabled for this account, or not at all. */
export const notEnabled = new Set([10039, 10076]);

/** Another write came first, or is on its way: an answer, not an error. */
export function isConflict(error: ApiError): boolean {
  return error.err_code === wrongLastSequence || error.err_code === anotherInFlight;
}

/**
 * A conflict that need not be one: servers of a cluster refuse a right revision while another proposal for the key is
 * in flight, and on 10071 may name the very revision that was expected.
 */
export function mayBeSpurious(error: ApiError, expected: number): boolean {
  if (error.err_code === anotherInFlight) return true;
  return error.err_code === wrongLastSequence && /: (\d+)$/.exec(error.description ?? "")?.[1] === String(expected);
}

/** What a write that was answered with this error, or not answered, means to the caller. */
export function writeError(what: string, reason: ApiError | NoAnswer): OstinatoError {
  if (reason instanceof NoAnswer) {
    const open = reason.silence === "unanswered" || reason.silence === "cut";
    return silenceError(what, reason, open ? "ERR_STORE_UNKNOWN" : "ERR_STORE_UNAVAILABLE");
  }
  return answerError(what, reason, "ERR_STORE_UNKNOWN");
}

/** The same for a read: whatever went wrong, nothing was changed. */
export function readError(what: string, reason: ApiError | NoAnswer): OstinatoError {
  if (reason instanceof NoAnswer) return silenceError(what, reason, "ERR_STORE_UNAVAILABLE");
  return answerError(what, reason, "ERR_STORE_UNAVAILABLE");
}

function silenceError(what: string, reason: NoAnswer, code: ErrorCode): OstinatoError {
  if (reason.silence === "forbidden") {
    return new OstinatoError("ERR_STORE_PERMISSION", `${what}: ${reason.message}`, { cause: reason });
  }
  if ((reason.cause as { code?: string } | undefined)?.code === "MAX_PAYLOAD_EXCEEDED") {
    return new OstinatoError(
      "ERR_INVALID_PAYLOAD",
      `${what}: larger than the server's max_payload; nothing was changed`,
    );
  }
  const then = code === "ERR_STORE_UNKNOWN" ? "it may have been applied, or may yet be" : "nothing was changed";
  return new OstinatoError(code, `${what}: ${reason.message}; ${then}`, { cause: reason });
}

function answerError(what: string, error: ApiError, otherwise: ErrorCode): OstinatoError {
  const text = `${what}: ${describe(error)}`;
  const number = error.err_code ?? 0;
  if (full.has(number) || /maximum (bytes|messages)|no space|resource.*exceeded/i.test(error.description ?? "")) {
    return new OstinatoError("ERR_STORE_FULL", `${text}; give the account or the disk more room; nothing was changed`);
  }
  if (number === tooLarge) return new OstinatoError("ERR_INVALID_PAYLOAD", `${text}; nothing was changed`);
  if (refusedBySettings.has(number)) return new OstinatoError("ERR_STORE_SETTINGS", text);
  return new OstinatoError(otherwise, text);
}

export function describe(error: ApiError): string {
  return `the server answered ${quoted(error.description ?? "error")} (${String(error.err_code ?? error.code)})`;
}
