import { OstinatoError } from "../errors";
import { refuse, show } from "../validate";

const mapName = /^[A-Za-z0-9_-]+$/;

/** A map's name becomes part of a file's or bucket's name, so that it is kept to what every store can spell. */
export function checkMapName(name: unknown): void {
  if (typeof name !== "string" || !mapName.test(name)) {
    refuse("map name", 'letters, digits, "-" and "_"', name);
  }
}

/** The error of a key that no store takes, or undefined. */
export function keyError(key: unknown): OstinatoError | undefined {
  if (typeof key !== "string" || key.length === 0) {
    return new OstinatoError("ERR_INVALID_OPTION", `key: expected a non-empty string; got ${show(key)}`);
  }
  // Two keys that differ in half a surrogate pair alone would become one as UTF-8.
  if ((key as { isWellFormed?(): boolean }).isWellFormed?.() === false) {
    return new OstinatoError(
      "ERR_INVALID_OPTION",
      `key: expected Unicode text without half characters; got ${show(key)}`,
    );
  }
  return undefined;
}

export function closedError(description: string): OstinatoError {
  return new OstinatoError("ERR_STORE_CLOSED", `${description} is closed; call open() before using it again`);
}
