import type { TimerId } from "../clock";
import type { Membership } from "../cluster/membership";
import type { Partitions } from "../cluster/partitions";
import { mayTake, patience, readLease } from "../rules/lease";
import type { Host } from "../supervision/host";
import type { OwnedPartition } from "./owned-partition";
import type { ServiceEvent } from "./queue-api";
import type { Shard } from "./shard";

export interface OwnershipWatchOptions {
  readonly shard: Shard;
  readonly host: Pick<Host, "clock">;
  /** What the keys of the partitions' leases begin with. */
  readonly prefix: string;
  /** In milliseconds. */
  readonly lease: number;
  readonly membership: Pick<Membership, "id" | "members">;
  readonly partitions: Pick<Partitions, "numbers" | "review" | "adopt">;
  readonly owned: (partition: number) => OwnedPartition | undefined;
  /** Must not throw. */
  readonly tell: (event: ServiceEvent) => void;
}

/** A partition that nobody serves, and why. */
interface Gap {
  /** On the monotonic clock. */
  readonly since: number;
  readonly owner: string | undefined;
  readonly reason: string;
  /** When it is to be reported, or healed once more. */
  actAt: number;
  isTold: boolean;
}

/** So many leases may pass until a partition that nobody serves is reported and something is done about it. */
const leasesOfPatience = 2;

/**
 * Looks whether every partition of one store is served: whether a live process holds its lease, and runs what is due of
 * it. One that is not, for longer than two leases, is told of, and healed by what this process can do: it reads the store
 * again, claims what nobody owns, and loads again what it owns itself and does not serve.
 */
export class OwnershipWatch {
  readonly #options: OwnershipWatchOptions;
  readonly #gaps = new Map<number, Gap>();
  readonly #unlisten: () => void;
  #timer: TimerId;
  #fast = false;

  constructor(options: OwnershipWatchOptions) {
    this.#options = options;
    const { shard, prefix } = options;
    this.#unlisten = shard.leases.view.onAny((key) => {
      // A record that goes may leave a partition behind that nobody takes: that is looked at from now on.
      if (!this.#fast && key.startsWith(prefix) && shard.leases.view.get(key) === undefined) this.#arm(true);
    });
    this.#arm(true);
  }

  /** The partitions that have been without service for longer than two leases. */
  get unserved(): number[] {
    return [...this.#gaps].flatMap(([partition, { isTold }]) => (isTold ? [partition] : [])).sort((a, b) => a - b);
  }

  close(): void {
    this.#unlisten();
    this.#options.host.clock.clearTimeout(this.#timer);
  }

  #arm(fast: boolean): void {
    const { clock } = this.#options.host;
    clock.clearTimeout(this.#timer);
    this.#fast = fast;
    this.#timer = clock.setTimeout(() => this.#look(), this.#options.lease / (fast ? 4 : 1));
  }

  #look(): void {
    const { partitions, tell, shard, host, lease } = this.#options;
    const now = host.clock.monotonic();
    const found: (Gap & { partition: number })[] = [];
    const healed: (Gap & { partition: number })[] = [];
    let needsReview = false;
    for (const partition of partitions.numbers) {
      const before = this.#gaps.get(partition);
      const gap = this.#gapOf(partition, before, now);
      if (gap === undefined) {
        this.#gaps.delete(partition);
        if (before?.isTold === true) healed.push({ ...before, partition });
        continue;
      }
      this.#gaps.set(partition, gap);
      if (gap.actAt > now) continue;
      if (!gap.isTold) found.push({ ...gap, partition });
      gap.isTold = true;
      gap.actAt = now + leasesOfPatience * lease;
      needsReview = this.#heal(partition, gap.owner) || needsReview;
    }
    if (needsReview) {
      shard.leases.view.refresh();
      partitions.review();
    }
    this.#arm(this.#gaps.size > 0);
    for (const event of grouped("unserved", found, shard.store.description, now)) tell(event);
    for (const event of grouped("served", healed, shard.store.description, now)) tell(event);
  }

  #gapOf(partition: number, before: Gap | undefined, now: number): Gap | undefined {
    const found = this.#find(partition, now);
    if (found === undefined) return undefined;
    const since = Math.min(before?.since ?? now, found.since ?? now);
    const { actAt = since + leasesOfPatience * this.#options.lease, isTold = false } = before ?? {};
    return { since, owner: found.owner, reason: found.reason, actAt, isTold };
  }

  /** Why nobody serves the partition; undefined where somebody does. */
  #find(partition: number, now: number): (Pick<Gap, "owner" | "reason"> & { since?: number }) | undefined {
    const { shard, prefix, lease, membership, owned } = this.#options;
    const seen = shard.leases.view.get(`${prefix}${String(partition)}`);
    const fields = readLease(seen?.entry.value);
    if (seen === undefined || fields === undefined || fields.holder === "") {
      return { owner: undefined, reason: "nobody owns it" };
    }
    const { holder } = fields;
    if (holder === membership.id) {
      const own = owned(partition);
      if (own?.serves === true) return undefined;
      return {
        owner: holder,
        reason: own?.hindrance ?? "this process does not work on it, although it holds its lease",
      };
    }
    if (mayTake(fields, seen, now, lease).take) {
      const since = seen.seenAt + patience(Math.max(fields.lease, lease));
      return { owner: holder, reason: "its owner no longer renews its lease", since };
    }
    const member = membership.members().find(({ id }) => id === holder);
    const told = (member?.holds as { unserved?: unknown } | null | undefined)?.unserved;
    if (!Array.isArray(told) || !told.includes(partition)) return undefined;
    return { owner: holder, reason: "its owner says that it cannot serve it" };
  }

  /** Whether the store is to be read again, and the partitions be divided again. */
  #heal(partition: number, owner: string | undefined): boolean {
    const { membership, partitions, owned } = this.#options;
    if (owner === membership.id) {
      owned(partition)?.heal();
      return owned(partition) === undefined;
    }
    const isFree = owner === undefined || this.#isExpired(partition);
    if (isFree) partitions.adopt(partition);
    return isFree;
  }

  #isExpired(partition: number): boolean {
    const { shard, prefix, lease, host } = this.#options;
    const seen = shard.leases.view.get(`${prefix}${String(partition)}`);
    const fields = readLease(seen?.entry.value);
    return seen === undefined || mayTake(fields, seen, host.clock.monotonic(), lease).take;
  }
}

/** One event for all that have the same owner and the same reason. */
function grouped(
  type: ServiceEvent["type"],
  gaps: readonly (Gap & { partition: number })[],
  store: string,
  now: number,
): ServiceEvent[] {
  const groups = new Map<string, (Gap & { partition: number })[]>();
  for (const gap of gaps) {
    const key = `${gap.owner ?? ""}\n${gap.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), gap]);
  }
  return [...groups.values()].map((group) => {
    const { owner, reason } = group[0] as Gap;
    const unservedMs = Math.round(now - Math.min(...group.map(({ since }) => since)));
    return { type, store, partitions: group.map(({ partition }) => partition), owner, reason, unservedMs };
  });
}
