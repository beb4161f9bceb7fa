import { readLease } from "../rules/lease";
import type { WorkerShare } from "./execution";
import type { QueueWorker } from "./queue-api";
import { leasePrefix } from "./shard";
import type { Shards } from "./shards";

interface WorkerRecord {
  holder: string;
  about: { host: string; pid: number };
  holds?: Partial<WorkerShare> | null;
}

/** Undefined where nobody holds it, or it is no record of ours. */
function readWorker(value: string): WorkerRecord | undefined {
  try {
    const record = JSON.parse(value) as Partial<WorkerRecord> | null;
    const isOne = typeof record?.holder === "string" && record.holder !== "" && typeof record.about === "object";
    return isOne && record.about !== null ? (record as WorkerRecord) : undefined;
  } catch {
    return undefined;
  }
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

/** Every process that executes the queue. One that fell silent stays until its record is removed. */
export function workersOf(queue: string, shards: Shards): QueueWorker[] {
  const workers = new Map<string, QueueWorker>();
  const prefix = `${leasePrefix(queue)}node.`;
  for (const { leases } of shards.all) {
    for (const { entry } of leases.view.entries()) {
      if (!entry.key.startsWith(prefix)) continue;
      const record = readWorker(entry.value);
      if (record === undefined) continue;
      const { holder, about, holds } = record;
      const worker = workers.get(holder) ?? {
        ...{ id: holder, host: about.host, pid: about.pid, partitions: [] },
        ...{ waiting: 0, due: 0, running: 0, rate: 0 },
      };
      workers.set(holder, worker);
      worker.waiting += holds?.waiting ?? 0;
      worker.due += holds?.due ?? 0;
      worker.running += holds?.running ?? 0;
      worker.rate = Math.max(worker.rate, holds?.rate ?? 0);
    }
  }
  ownersOf(queue, shards).forEach((owner, partition) => workers.get(owner ?? "")?.partitions.push(partition));
  return [...workers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
