import { hashName } from "../identity";

/**
 * Which member is to own which partition: as even as can be (no member has more than one partition more than another),
 * and with as few moves as that allows. Members keep what they own as long as it is not more than their share; those
 * who own most keep the larger shares. The answer depends on who the members are and what they own, not on their order,
 * so that all members who see the same come to the same answer.
 *
 * @param owners the present owner of each partition; undefined, or no member, where it has none.
 * @returns the owner of each partition; empty when there is no member.
 */
export function assignPartitions(members: Iterable<string>, owners: readonly (string | undefined)[]): string[] {
  const names = [...new Set(members)].sort();
  if (names.length === 0) return [];
  const owned = new Map<string, number[]>(names.map((name) => [name, []]));
  owners.forEach((owner, partition) => owner !== undefined && owned.get(owner)?.push(partition));

  const small = Math.floor(owners.length / names.length);
  const larger = owners.length % names.length;
  const room = new Map<string, number>();
  const assigned = new Array<string | undefined>(owners.length).fill(undefined);
  [...owned].sort(byNumberOwned).forEach(([name, partitions], rank) => {
    const share = rank < larger ? small + 1 : small;
    const kept = preferred(name, partitions).slice(0, share);
    for (const partition of kept) assigned[partition] = name;
    if (kept.length < share) room.set(name, share - kept.length);
  });

  return assigned.map((owner, partition) => owner ?? takeRoom(room, partition));
}

/** Most first; equals by name, and names differ. */
function byNumberOwned(a: [string, number[]], b: [string, number[]]): number {
  return b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1);
}

/** A member gives away first what it would be the last choice for. */
function preferred(name: string, partitions: number[]): number[] {
  return partitions.sort((a, b) => affinity(name, b) - affinity(name, a) || a - b);
}

/** The member with room that has the most affinity to the partition. Shares add up to all partitions: there is one. */
function takeRoom(room: Map<string, number>, partition: number): string {
  let best = "";
  let bestAffinity = -1;
  for (const name of room.keys()) {
    const own = affinity(name, partition);
    if (own > bestAffinity || (own === bestAffinity && name < best)) [best, bestAffinity] = [name, own];
  }
  const left = (room.get(best) ?? 0) - 1;
  if (left > 0) room.set(best, left);
  else room.delete(best);
  return best;
}

function affinity(name: string, partition: number): number {
  return hashName(`${String(partition)}/${name}/${String(partition)}`);
}
