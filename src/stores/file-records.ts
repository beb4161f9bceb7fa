import { createHash } from "node:crypto";

/*
 * How the file store lays out its maps. Three tables, each key of them beginning with the map's name and a zero byte:
 *   entries  key              → "=<revision> <value>", or for a hashed key "#<revision> <length of key> <key><value>",
 *                               or "-<revision>" for a key that was deleted
 *   log      revision         → "+<key>" or "-<key>": the last write to each key, so one record a key
 *   graves   revision         → "<key>": the deleted ones alone, oldest first, so that they can be trimmed
 *   counters map's name alone → "<last revision> <number of graves> <last revision trimmed>"
 */

/** lmdb takes 1,978 bytes; longer keys keep their beginning, so that they are still found by prefix, and a hash. */
const longest = 1500;
const kept = 1200;
const hashMark = Buffer.from([0xff]); // never a byte of UTF-8, so that no spelt-out key can look hashed

export function entryKey(map: string, key: string): Buffer {
  const bytes = Buffer.from(`${map}\0${key}`, "utf8");
  if (bytes.length <= longest) return bytes;
  return Buffer.concat([bytes.subarray(0, kept), hashMark, createHash("sha256").update(bytes).digest()]);
}

/** What every entry whose key begins with the prefix begins with; those found may be more than those meant. */
export function entryPrefix(map: string, prefix: string): Buffer {
  return Buffer.from(`${map}\0${prefix}`, "utf8").subarray(0, kept);
}

export function revisionKey(map: string, revision: number): Buffer {
  const name = Buffer.from(`${map}\0`, "utf8");
  const bytes = Buffer.allocUnsafe(name.length + 8);
  name.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(revision), name.length);
  return bytes;
}

export function revisionOf(key: Buffer): number {
  return Number(key.readBigUInt64BE(key.length - 8));
}

export interface EntryRecord {
  readonly revision: number;
  /** Undefined for a key that was deleted. */
  readonly value: string | undefined;
  /** Undefined where the table's key spells it out. */
  readonly key: string | undefined;
}

export function writeEntry(key: string, stored: Buffer, value: string, revision: number): string {
  const hashed = stored.includes(hashMark);
  return hashed ? `#${String(revision)} ${String(key.length)} ${key}${value}` : `=${String(revision)} ${value}`;
}

export function writeGrave(revision: number): string {
  return `-${String(revision)}`;
}

export function readEntry(record: string): EntryRecord {
  const kind = record[0];
  if (kind === "-") return { revision: Number(record.slice(1)), value: undefined, key: undefined };
  const space = record.indexOf(" ");
  const revision = Number(record.slice(1, space));
  if (kind === "=") return { revision, value: record.slice(space + 1), key: undefined };
  const second = record.indexOf(" ", space + 1);
  const end = second + 1 + Number(record.slice(space + 1, second));
  return { revision, key: record.slice(second + 1, end), value: record.slice(end) };
}

export function spelledKey(map: string, stored: Buffer): string {
  return stored.toString("utf8", map.length + 1);
}

export interface Counters {
  revision: number;
  graves: number;
  trimmed: number;
}

export function writeCounters(counters: Counters): string {
  return `${String(counters.revision)} ${String(counters.graves)} ${String(counters.trimmed)}`;
}

export function readCounters(record: string | undefined): Counters {
  const [revision = 0, graves = 0, trimmed = 0] = (record ?? "0 0 0").split(" ").map(Number);
  return { revision, graves, trimmed };
}
