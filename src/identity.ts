import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** Of this package; a test compares it with package.json. */
export const version = "0.1.0";

/** A short random name, letters and digits only. */
export function randomId(bytes = 6): string {
  return randomBytes(bytes).toString("hex");
}

/** Short names that never repeat: a random part drawn once, and a count. */
export function idSource(): () => string {
  const prefix = randomId(4);
  let count = 0;
  return () => `${prefix}${(count++).toString(36)}`;
}

/** The machine's, for people. */
export const hostName = (): string => hostname();

/** Names this incarnation of the process: host, pid and a random part, so that a restart is somebody else. */
export function defaultNodeId(): string {
  return `${hostname()}-${String(process.pid)}-${randomId(4)}`;
}

/** A source of numbers in [0, 1). */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();

/** Repeatable randomness (mulberry32), for simulations and tests. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** FNV-1a, 32 bits, over the UTF-8 bytes: a stable number for a name, the same in every process and version. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** 96 bits of SHA-256 as 16 characters: stands for a content that is too large to be kept. */
export function fingerprint(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : part;
    hash.update(`${String(bytes.length)}:`).update(bytes);
  }
  return hash.digest("base64url").slice(0, 16);
}
