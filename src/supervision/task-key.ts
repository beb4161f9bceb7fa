import { OstinatoError } from "../errors";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { Entry, RevisionMap } from "../store";
import { quoted } from "../validate";

/** What the keys of tasks begin with in the map of leases. */
export const taskPrefix = "task.";

export const taskKey = (name: string): string => `${taskPrefix}${name}`;

/** @throws OstinatoError ERR_UNKNOWN_TASK, ERR_NEWER_VERSION */
export async function readTask(map: RevisionMap, name: string): Promise<{ entry: Entry; record: TaskRecord }> {
  const entry = await map.get(taskKey(name));
  const read = readRecord(entry?.value);
  if (entry === undefined || read.kind === "none") {
    throw new OstinatoError("ERR_UNKNOWN_TASK", `no exclusive task ${quoted(name)} has a record in this store`);
  }
  if (read.kind === "newer") {
    throw new OstinatoError("ERR_NEWER_VERSION", `the record of ${quoted(name)} was written by a newer version`);
  }
  return { entry, record: read.record };
}
