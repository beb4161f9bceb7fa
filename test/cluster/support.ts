import type { Clock } from "../../src/clock";
import { virtualClock, type VirtualClock } from "../../src/clocks/virtual";
import { createLease, type LeaseOptions, type Lease } from "../../src/cluster/lease";
import { View } from "../../src/cluster/view";
import { readLease, type LeaseFields } from "../../src/rules/lease";
import { memoryStore } from "../../src/stores/memory";
import type { RevisionMap } from "../../src/store";
import { faultyMap, type FaultyMap } from "../helpers/faulty-map";

export const length = 12_000;

/** One store, and nodes that reach it each over a network of its own. */
export interface Cluster {
  readonly clock: VirtualClock;
  readonly map: RevisionMap;
  node(name: string, clock?: Clock): Node;
  record(key?: string): Promise<LeaseFields | undefined>;
}

export interface Node {
  readonly name: string;
  readonly map: FaultyMap;
  readonly view: View;
  lease(options?: Partial<LeaseOptions>): Lease;
}

export function cluster(): Cluster {
  const clock = virtualClock();
  const map = memoryStore().map("lease");
  return {
    clock,
    map,
    node(name, own = clock) {
      const reached = faultyMap(map, clock);
      const view = new View(reached, "", own);
      return {
        name,
        map: reached,
        view,
        lease: (options) =>
          createLease({
            map: reached,
            view,
            key: "job",
            holder: name,
            lease: length,
            clock: own,
            epoch: 0,
            random: () => 0,
            ...options,
          }),
      };
    },
    record: async (key = "job") => readLease((await map.get(key))?.value),
  };
}
