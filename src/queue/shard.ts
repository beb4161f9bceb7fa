import { contention } from "../cluster/contention";
import { epochMap, type EpochMap } from "../cluster/epoch";
import { reach, type Reached } from "../cluster/reached";
import { measuredMap } from "../cluster/store-telemetry";
import type { Clock } from "../clock";
import { OstinatoError } from "../errors";
import type { Intake, Store } from "../store";
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

/**
 * Opens the store and agrees with it on the queue's shape, which whoever comes first has fixed.
 *
 * @throws OstinatoError ERR_UNKNOWN_QUEUE, ERR_QUEUE_MISMATCH, ERR_NEWER_VERSION; as the store's calls do.
 */
export async function openShard(settings: QueueSettings, index: number, clock: Clock): Promise<Shard> {
  const { name, stores } = settings;
  const store = stores[index] as Store;
  const leases = await reach(store, "leases", leasePrefix(name), clock);
  try {
    await leases.view.ready;
    const shape = await agree(settings, index, leases, contention(clock));
    const tasks = await epochMap(store, tasksMap(name), clock);
    const deadLetters = new DeadLetters(measuredMap(store, `dead-${name}`, clock));
    const intake = settings.intake && index === 0 ? store.intake?.(name) : undefined;
    // From now on nothing that is published is lost. Whoever accepts it tries again, and tells why it is in vain.
    await intake?.open().catch(() => undefined);
    return { index, store, leases, tasks, deadLetters, intake, shape };
  } catch (error) {
    await leases.view.close();
    throw error;
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
    const found = JSON.parse(entry.value) as Omit<Config, "v"> & { v: number };
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

function mismatch(name: string, what: string): never {
  throw new OstinatoError("ERR_QUEUE_MISMATCH", `the queue "${name}" ${what}`);
}
