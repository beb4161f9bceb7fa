import { read } from "../foreign";
import { readLease } from "../rules/lease";
import type { WorkerShare } from "./execution";
import type { QueueWorker } from "./queue-api";
import { leasePrefix, type Shard } from "./shard";
import type { Shards } from "./shards";

interface WorkerRecord {
  holder?: string;
  about?: { host: string; pid: number };
  holds?: Partial<WorkerShare>;
}

/** Who owns each partition, as far as the leases show. */
export function ownersOf(queue: string, shards: Shards): (string | undefined)[] {
  const owners = new Array<string | undefined>(shards.partitions).fill(undefined);
  for (const shard of shards.all) {
    for (const partition of shards.partitionsOf(shard.index)) {
      const seen = shard.leases.view.get(`${leasePrefix(queue)}p.${String(partition)}`);
      const holder = readLease(seen?.entry.value)?.holder;
      if (holder !== undefined && holder !== "") owners[partition] = holder;
    }
  }
  return owners;
}

/**
 * Every process that executes the queue. One that fell silent stays until its record is removed.
 *
 * @param ownShare what a worker of this process does right now; undefined for those of others, whose records say it.
 */
export function workersOf(
  queue: string,
  shards: Shards,
  ownShare: (worker: string, shard: Shard) => WorkerShare | undefined,
): QueueWorker[] {
  const workers = new Map<string, QueueWorker>();
  const prefix = `${leasePrefix(queue)}node.`;
  for (const shard of shards.all) {
    for (const { entry } of shard.leases.view.entries()) {
      if (!entry.key.startsWith(prefix)) continue;
      const { holder, about, holds: told } = readWorker(entry.value);
      if (holder === undefined || holder === "" || about === undefined) continue;
      const holds = ownShare(holder, shard) ?? told;
      const worker = workers.get(holder) ?? {
        ...{ id: holder, host: about.host, pid: about.pid, partitions: [] },
        ...{ waiting: 0, due: 0, running: 0, rate: 0, unserved: [] },
      };
      workers.set(holder, worker);
      worker.waiting += holds?.waiting ?? 0;
      worker.due += holds?.due ?? 0;
      worker.running += holds?.running ?? 0;
      worker.unserved.push(...(holds?.unserved ?? []));
      worker.rate = Math.max(worker.rate, holds?.rate ?? 0);
    }
  }
  ownersOf(queue, shards).forEach((owner, partition) => workers.get(owner ?? "")?.partitions.push(partition));
  return [...workers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A record that another program wrote in its own way says nothing. */
function readWorker(value: string): WorkerRecord {
  let given: unknown;
  try {
    given = JSON.parse(value);
  } catch {
    return {};
  }
  const { holder, about, holds } = (given ?? {}) as { holder?: unknown; about?: unknown; holds?: unknown };
  const { host, pid } = (about ?? {}) as { host?: unknown; pid?: unknown };
  if (typeof holder !== "string" || typeof host !== "string" || typeof pid !== "number") return {};
  const isNumber = (value: unknown): value is number => typeof value === "number";
  const figures = Object.entries(holds ?? {}).filter(([, value]) => isNumber(value));
  const unserved = read(holds, "unserved");
  const partitions = Array.isArray(unserved) ? unserved.filter(isNumber) : [];
  return { holder, about: { host, pid }, holds: { ...Object.fromEntries(figures), unserved: partitions } };
}
