import { sleep, type Clock } from "../clock";
import { OstinatoError } from "../errors";
import { mayHaveName, toldTasks } from "../rules/known-names";
import { patience, readLease } from "../rules/lease";
import type { Entry, Store } from "../store";
import { quoted } from "../validate";
import { isSpawned } from "./records";
import { readTask } from "./task-key";

const lookEvery = 1_000;

/** A record that shows that the task is in use, if whoever wrote it lives. */
interface Sign {
  readonly key: string;
  readonly revision: number;
  readonly lease: number;
  readonly who: string;
}

/**
 * Deletes what the store keeps of a task, unless a live node has the task or runs it. A node that was killed cannot be
 * told from one that lives before its record has stood unchanged for its lease, so that this may take a minute.
 *
 * @throws OstinatoError ERR_UNKNOWN_TASK, ERR_NEWER_VERSION, ERR_TASK_IN_USE; as the store's calls do.
 */
export async function forgetTask(store: Store, clock: Clock, name: string): Promise<void> {
  const map = store.map("leases");
  const seen = new Map<string, { revision: number; at: number }>();
  for (;;) {
    const { entry, record } = await readTask(map, name);
    const { holder, lease } = record;
    if (isSpawned(store, name)) inUse(name, "a runtime of this process has it");
    const signs = await nodesWith(store, name);
    if (holder !== "") signs.push({ ...place(entry), lease, who: `node ${holder} runs it` });
    const now = clock.monotonic();
    const isDead = ({ key, revision, lease: length, who }: Sign): boolean => {
      const first = seen.get(key);
      if (first === undefined) seen.set(key, { revision, at: now });
      else if (first.revision !== revision) inUse(name, who);
      else return now - first.at >= patience(length);
      return false;
    };
    // Each is looked at, so that the time of each counts from now.
    const alive = signs.filter((sign) => !isDead(sign));
    if (alive.length === 0 && (await map.delete(entry.key, entry.revision)).ok) return;
    await sleep(clock, lookEvery);
  }
}

async function nodesWith(store: Store, name: string): Promise<Sign[]> {
  const signs: Sign[] = [];
  if (store.shared !== true) return signs;
  for await (const entry of store.map("nodes").list("node.")) {
    const fields = readLease(entry.value);
    if (fields === undefined || fields.holder === "" || !mayHaveName(toldTasks(entry.value), name)) continue;
    signs.push({ ...place(entry), lease: fields.lease, who: `node ${fields.holder} has it` });
  }
  return signs;
}

const place = ({ key, revision }: Entry): Pick<Sign, "key" | "revision"> => ({ key, revision });

function inUse(name: string, why: string): never {
  throw new OstinatoError(
    "ERR_TASK_IN_USE",
    `the task ${quoted(name)} is in use: ${why}; remove it from the code and deploy that first`,
  );
}
