import { contention } from "../cluster/contention";
import { epochMap, type EpochMap } from "../cluster/epoch";
import { reach, type Reached } from "../cluster/reached";
import { measuredMap } from "../cluster/store-telemetry";
import type { Clock } from "../clock";
import { OstinatoError } from "../errors";
import type { Entry, Intake, Store } from "../store";
import { DeadLetters } from "./dead-letters";
import type { QueueSettings, QueueShape } from "./options";

const defaultPartitions = 64;
const defaultBucket = 1_000;

/** The part of a queue that lives in one store: what is shared about some of its partitions. */
export interface Shard {
  readonly index: number;
  readonly store: Store;
  readonly leases: Reached;
  readonly tasks: EpochMap;
  readonly deadLetters: DeadLetters;
  /** What producers publish there; undefined where the store has no subjects, or this process does not accept it. */
  readonly intake: Intake | undefined;
  readonly shape: QueueShape;
}

interface Config extends QueueShape {
  v: 1;
  /** How many stores the queue has, and which of them this is. */
  stores: number;
  index: number;
}

/** What the keys of a queue in the bucket of leases begin with. */
export const leasePrefix = (queue: string): string => `queue.${queue}.`;

/** The map that holds a queue's tasks. */
export const tasksMap = (queue: string): string => `tasks-${queue}`;

/** How often each queue is open in this process, by store. */
const openings = new WeakMap<Store, Map<string, number>>();

function countOpening(store: Store, name: string, change: 1 | -1): void {
  const counts = openings.get(store) ?? new Map<string, number>();
  openings.set(store, counts);
  const count = (counts.get(name) ?? 0) + change;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}

/**
 * Opens the store and agrees with it on the queue's shape, which whoever comes first has fixed.
 *
 * @throws OstinatoError ERR_UNKNOWN_QUEUE, ERR_QUEUE_MISMATCH, ERR_NEWER_VERSION; as the store's calls do.
 */
export async function openShard(settings: QueueSettings, index: number, clock: Clock): Promise<Shard> {
  const { name, stores } = settings;
  const store = stores[index] as Store;
  const leases = await reach(store, "leases", leasePrefix(name), clock);
  countOpening(store, name, 1);
  try {
    await leases.view.ready;
    const shape = await agree(settings, index, leases, contention(clock));
    const tasks = await epochMap(store, tasksMap(name), clock);
    const deadLetters = new DeadLetters(measuredMap(store, `dead-${name}`, clock));
    // Made with the queue, by a user who may make streams: the one who writes the first letter may not.
    await store.epoch(`dead-${name}`).catch(() => undefined);
    const intake = settings.intake && index === 0 ? store.intake?.(name) : undefined;
    // Keeps what is published from now on. If this fails, the process that accepts it tries again and reports the cause.
    await intake?.open().catch(() => undefined);
    return { index, store, leases, tasks, deadLetters, intake, shape };
  } catch (error) {
    countOpening(store, name, -1);
    await leases.view.close();
    throw error;
  }
}

/**
 * Closes what `openShard` opened. In a store that does not outlive the process, a queue that nobody has open and that
 * holds neither tasks nor dead letters is forgotten: queues that are used once leave no memory.
 */
export async function closeShard(shard: Shard, name: string): Promise<void> {
  const { store, leases, tasks } = shard;
  countOpening(store, name, -1);
  await leases.view.close();
  if (leases.epoch() !== 0) return;
  const isOpen = (): boolean => openings.get(store)?.has(name) ?? false;
  const fences: Entry[] = [];
  try {
    for await (const entry of tasks.map.list("")) {
      // An id is never empty: only a partition's fence has such a key.
      if (!/^\d+\.$/.test(entry.key)) return;
      fences.push(entry);
    }
    for await (const _ of shard.deadLetters.list()) return;
    for (const { key, revision } of fences) if (!isOpen()) await tasks.map.delete(key, revision);
    const config = await leases.map.get(`${leasePrefix(name)}config`);
    if (config !== undefined && !isOpen()) await leases.map.delete(config.key, config.revision);
  } catch {
    // The store is closed: what it holds goes with it.
  }
}

async function agree(
  { name, stores, create, ...given }: QueueSettings,
  index: number,
  { map }: Reached,
  conflict: () => Promise<void>,
): Promise<QueueShape> {
  const key = `${leasePrefix(name)}config`;
  for (; ; await conflict()) {
    const entry = await map.get(key);
    const { partitions = defaultPartitions, bucket = defaultBucket } = given;
    if (entry === undefined) {
      if (!create) {
        throw new OstinatoError("ERR_UNKNOWN_QUEUE", `the store holds no queue "${name}": assigning makes it`);
      }
      const config: Config = { v: 1, partitions, bucket, stores: stores.length, index };
      await map.create(key, JSON.stringify(config));
      continue;
    }
    const found = readConfig(entry.value) ?? mismatch(name, `has a record "${key}" that is not ours: remove it`);
    if (found.v > 1) {
      throw new OstinatoError("ERR_NEWER_VERSION", `the queue "${name}" was made by a newer version: upgrade`);
    }
    if (given.partitions !== undefined && given.partitions !== found.partitions) {
      mismatch(name, `has ${found.partitions} partitions, not ${given.partitions}: leave the number out, or give that`);
    }
    if (found.stores !== stores.length || found.index !== index) {
      mismatch(
        name,
        `has ${found.stores} stores, of which this is number ${found.index + 1}: give the same stores in the same order`,
      );
    }
    // The bucket may change: it is kept for those who do not say theirs.
    const config = { ...found, bucket: given.bucket ?? found.bucket };
    if (config.bucket === found.bucket) return config;
    if ((await map.update(key, JSON.stringify(config), entry.revision)).ok) return config;
  }
}

function readConfig(value: string): (Omit<Config, "v"> & { v: number }) | undefined {
  try {
    const config = JSON.parse(value) as Partial<Config> | null;
    if (typeof config?.v === "number" && config.v > 1) return config as Config;
    const numbers = [config?.v, config?.partitions, config?.bucket, config?.stores, config?.index];
    return numbers.every((each) => Number.isSafeInteger(each)) && Number(config?.partitions) > 0
      ? (config as Config)
      : undefined;
  } catch {
    return undefined;
  }
}

function mismatch(name: string, what: string): never {
  throw new OstinatoError("ERR_QUEUE_MISMATCH", `the queue "${name}" ${what}`);
}
