import { sleep } from "../clock";
import { patience, readLease, type LeaseFields } from "../rules/lease";
import type { Entry } from "../store";
import type { NatsLink } from "./nats-link";
import { NatsMap } from "./nats-map";
import type { StoredMessage } from "./nats-records";

/** Owners of the partitions of one queue, read from its leases. */
export interface OwnershipExamination {
  readonly queue: string;
  /** How many of them live in this store. */
  readonly partitions: number;
  /** Processes that execute it and renew their leases. */
  readonly workers: number;
  readonly unowned: readonly number[];
  /** Those whose owner has not renewed its lease for longer than two of them. */
  readonly silent: readonly { readonly partition: number; readonly owner: string; readonly forMs: number }[];
  /** Those that their owners say they have not been able to serve for longer than two leases. */
  readonly unserved: readonly number[];
}

const leasesOfPatience = 2;
/** A partition that changes hands has no owner for a moment: it is looked at so many times, with a pause between. */
const looks = 3;
const lookEvery = 1_000;

/** @param ahead milliseconds by which this machine's wall clock is ahead of the server's. */
export async function examineOwnership(link: NatsLink, queue: string, ahead: number): Promise<OwnershipExamination> {
  const { clock } = link.settings;
  const leases = new NatsMap(link, "leases");
  try {
    for (let count = 1; ; count += 1) {
      const found = await look(link, leases, queue, ahead);
      const isWell = found.workers === 0 || found.unowned.length === 0;
      if (isWell || count === looks) return found;
      await sleep(clock, lookEvery);
    }
  } finally {
    await leases.end();
  }
}

async function look(link: NatsLink, leases: NatsMap, queue: string, ahead: number): Promise<OwnershipExamination> {
  const prefix = `queue.${queue}.`;
  const records = new Map<string, Entry>();
  for await (const entry of leases.list(prefix)) records.set(entry.key.slice(prefix.length), entry);
  const now = link.settings.clock.now() - ahead;
  const aged = async (name: string): Promise<(LeaseFields & { age: number; holds?: unknown }) | undefined> => {
    const entry = records.get(name);
    const fields = readLease(entry?.value);
    if (entry === undefined || fields === undefined || fields.holder === "") return undefined;
    const action = `STREAM.MSG.GET.${leases.bucket.name}`;
    const { message } = await link.api<{ message?: StoredMessage }>(action, { seq: entry.revision });
    // A record that has been written again since is young.
    return { ...fields, age: message?.time === undefined ? 0 : now - Date.parse(message.time) };
  };
  const members = await Promise.all([...records.keys()].filter((name) => name.startsWith("node.")).map(aged));
  const live = members.flatMap((one) => (one !== undefined && one.age <= patience(one.lease) ? [one] : []));
  const unowned: number[] = [];
  const silent: { partition: number; owner: string; forMs: number }[] = [];
  const numbers = partitionsIn(records.get("config")?.value);
  const owners = await Promise.all(numbers.map((partition) => aged(`p.${String(partition)}`)));
  for (const [place, partition] of numbers.entries()) {
    const owner = owners[place];
    if (owner === undefined) unowned.push(partition);
    else if (owner.age > leasesOfPatience * owner.lease) {
      silent.push({ partition, owner: owner.holder, forMs: Math.round(owner.age) });
    }
  }
  const unserved = live.flatMap(({ holds }) => {
    const told = (holds as { unserved?: unknown } | null | undefined)?.unserved;
    return Array.isArray(told) ? told.filter((one): one is number => Number.isInteger(one)) : [];
  });
  return { queue, partitions: numbers.length, workers: live.length, unowned, silent, unserved };
}

/** The numbers of the partitions that live in this store, by what the queue's record says. */
function partitionsIn(config: string | undefined): number[] {
  try {
    const { partitions, stores = 1, index = 0 } = JSON.parse(config ?? "{}") as Record<string, number>;
    const all = Array.from({ length: Math.min(partitions ?? 0, 4_096) }, (_, partition) => partition);
    return all.filter((partition) => partition % stores === index);
  } catch {
    return [];
  }
}
