import { Locks } from "../cluster/locks";
import type { Host } from "../supervision/host";
import { leasePrefix } from "./shard";
import { requireName } from "../validate";
import type { Shards } from "./shards";

/** Locks on ids, each in the store where the task of that id would be. */
export class QueueLocks {
  readonly #queue: string;
  readonly #lease: number;
  readonly #shards: Shards;
  readonly #host: Host;
  readonly #locks = new Map<number, Locks>();

  constructor(queue: string, lease: number, shards: Shards, host: Host) {
    this.#queue = queue;
    this.#lease = lease;
    this.#shards = shards;
    this.#host = host;
  }

  for(id: unknown): Locks {
    const { shard } = this.#shards.place(requireName("id", id, "ERR_INVALID_ID"));
    let locks = this.#locks.get(shard.index);
    if (locks === undefined) {
      const { clock, nodeId: holder } = this.#host;
      const prefix = `${leasePrefix(this.#queue)}lock.`;
      locks = new Locks({ ...shard.leases, prefix, holder, clock, lease: this.#lease });
      this.#locks.set(shard.index, locks);
    }
    return locks;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#locks.values()].map((locks) => locks.close()));
  }
}
