import { textOf } from "../foreign";
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import { OstinatoError, toError } from "../errors";

const lmdbInvalid = new Set([-30794, -30793, -30796, -30797]); // version, invalid, corrupted, page not found
const lmdbFull = new Set([-30792, -30785]); // map full, page full
const shortWrite = 5; // EIO
const probeBytes = 1 << 20;
/** As much of a path as an error shows. */
const longestPath = 300;

/** What a file system says of a path that will never do: too long, with a zero byte, no place for files. */
const unusable = [
  ...["ENOENT", "ENAMETOOLONG", "ELOOP", "EINVAL", "EISDIR", "ENXIO", "ENODEV", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"],
  ...["EXDEV", "EILSEQ", "ENOTEMPTY", "ETXTBSY", "ERR_INVALID_ARG_VALUE", "ENOLCK"],
];

/** Says what went wrong at the path and what to do about it. `undefined` for what the path is not to blame for. */
export function pathError(given: string, thrown: unknown): OstinatoError {
  if (thrown instanceof OstinatoError) return thrown;
  const path = given.length > longestPath ? `${given.slice(0, longestPath)}…` : given;
  const cause = toError(thrown);
  const { code } = cause as Error & { code?: unknown };
  if (code === shortWrite) {
    const refusal = tryToWrite(given);
    if (refusal) return pathError(given, refusal);
  }
  const text = cause.message;
  // lmdb gives the system's number, Node its name.
  const name = typeof code === "number" && code > 0 ? getSystemErrorName(-code) : code;
  const is = (...names: string[]) => names.some((one) => name === one || text.includes(one));
  if (
    (typeof code === "number" && lmdbFull.has(code)) ||
    is("ENOSPC", "EDQUOT", "EFBIG", "No space left", "File too large", "MDB_MAP_FULL", "quota exceeded")
  ) {
    return error(
      "ERR_STORE_FULL",
      `${path}: there is no room left to write to; free some space; nothing was changed`,
      cause,
    );
  }
  if (
    (typeof code === "number" && lmdbInvalid.has(code)) ||
    is("MDB_INVALID", "MDB_CORRUPTED", "MDB_VERSION", "MDB_PAGE_NOTFOUND")
  ) {
    return corruptError(path, text, cause);
  }
  if (is("ENOTDIR", "EEXIST", "Not a directory", "File exists")) {
    return error(
      "ERR_STORE_PATH",
      `${path}: this, or a part of it, is not a folder; give the path of a folder, which is made if it does not exist`,
      cause,
    );
  }
  if (is("EACCES", "EPERM", "Permission denied", "not permitted")) {
    return error(
      "ERR_STORE_PATH",
      `${path}: this user may not read and write here; change the folder's owner or mode, or choose another path`,
      cause,
    );
  }
  if (is("EROFS", "Read-only")) {
    return error(
      "ERR_STORE_PATH",
      `${path}: the file system is read-only; choose a path that can be written to`,
      cause,
    );
  }
  if (is(...unusable)) {
    return error("ERR_STORE_PATH", `${path}: the path cannot be used (${textOf(name)}); choose another`, cause);
  }
  return error("ERR_STORE_UNAVAILABLE", `${path}: ${text}; nothing was changed`, cause);
}

/** lmdb rejects a commit with an error whose reason is a promise of its own. */
export async function commitError(path: string, thrown: unknown): Promise<OstinatoError> {
  const reason = (thrown as { commitError?: Promise<never> }).commitError;
  return pathError(path, reason ? await reason.catch((error: unknown) => error) : thrown);
}

/**
 * lmdb calls a write that ended short an input/output error and does not say why. Writing as far into a file as it had
 * wanted to tells whether a full disk, a quota or a limit on the size of files was in the way.
 */
function tryToWrite(path: string): unknown {
  const probe = join(path, `probe-${String(process.pid)}`);
  try {
    rmSync(probe, { force: true });
    const descriptor = openSync(probe, "wx", 0o600);
    try {
      writeSync(descriptor, Buffer.alloc(probeBytes), 0, probeBytes, statSync(join(path, "data.mdb")).size);
    } finally {
      closeSync(descriptor);
      rmSync(probe, { force: true });
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

export function corruptError(path: string, what: string, cause?: Error): OstinatoError {
  return error(
    "ERR_STORE_CORRUPT",
    `${path}: ${what}; this is not an intact store: move the folder away, then restore it from a backup or start anew`,
    cause,
  );
}

function error(
  code: "ERR_STORE_FULL" | "ERR_STORE_CORRUPT" | "ERR_STORE_PATH" | "ERR_STORE_UNAVAILABLE",
  message: string,
  cause?: Error,
): OstinatoError {
  return new OstinatoError(code, message, cause ? { cause } : undefined);
}
