import { OstinatoError } from "../errors";
import { refuse } from "../validate";

const mapName = /^[A-Za-z0-9_-]+$/;

/** A map's name becomes part of a file's or bucket's name, so that it is kept to what every store can spell. */
export function checkMapName(name: unknown): void {
  if (typeof name !== "string" || !mapName.test(name)) {
    refuse("map name", 'letters, digits, "-" and "_"', name);
  }
}

/** The error of a key that no store takes, or undefined. */
export function keyError(key: unknown): OstinatoError | undefined {
  if (typeof key === "string" && key.length > 0) return undefined;
  return new OstinatoError("ERR_INVALID_OPTION", `key: expected a non-empty string; got ${typeof key}`);
}

export function closedError(description: string): OstinatoError {
  return new OstinatoError("ERR_STORE_CLOSED", `${description} is closed; call open() before using it again`);
}
