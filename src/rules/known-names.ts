import { hashName } from "../identity";

/** Four bytes a name: beyond this number a node says only that it has too many to tell. */
const most = 50_000;

/** Which names a node has, for its record in the store: a fingerprint of each, or null for too many. */
export function tellNames(names: readonly string[]): string | null {
  if (names.length > most) return null;
  const prints = Uint32Array.from(names, hashName).sort();
  return Buffer.from(prints.buffer).toString("base64");
}

/**
 * Whether a node that told this may have the name. True too where it told nothing that can be read, as nodes of older
 * versions do, and for another name with the same fingerprint: what is in doubt is not to be forgotten.
 */
export function mayHaveName(told: unknown, name: string): boolean {
  if (typeof told !== "string") return true;
  const bytes = Buffer.from(told, "base64");
  const print = hashName(name);
  for (let at = 0; at + 4 <= bytes.length; at += 4) if (bytes.readUInt32LE(at) === print) return true;
  return false;
}

/** The part of a node's record that tells its tasks. */
export function toldTasks(record: string): unknown {
  try {
    const { holds } = JSON.parse(record) as { holds?: { tasks?: unknown } | null };
    return holds?.tasks;
  } catch {
    return undefined;
  }
}
