import type { RevisionMap } from "../../src/store";
import { createLease } from "../../src/cluster/lease";
import { Locks } from "../../src/cluster/locks";
import { Membership } from "../../src/cluster/membership";
import { Partitions } from "../../src/cluster/partitions";
import type { View } from "../../src/cluster/view";
import { parseRetry } from "../../src/rules/backoff";
import { Claims } from "../../src/supervision/claims";
import { reportingMap } from "../../src/supervision/record-place";
import type { NodeClock } from "../helpers/node-clock";

export const length = 12_000;

/** One node: its way to the store, and its clock. */
export interface Site {
  readonly name: string;
  readonly map: RevisionMap;
  readonly view: View;
  readonly clock: NodeClock;
}

/** What a contender reports. */
export interface Hands {
  begins(): void;
  /** It was told to stop. */
  told(): void;
}

/** Wants the lease from the start, and takes it whenever it can. */
export interface Contender {
  /** Gives it back, and wants it no more. */
  stop(): Promise<void>;
}

/** One of the things that are held by a lease. */
export interface LeaseKind {
  readonly name: string;
  readonly key: string;
  contend(site: Site, hands: Hands): Contender;
  /** The record as somebody else would write it who has taken the lease. */
  rival(value: string): string;
}

const retryEvery = 500;
const rivalOf = (value: string, fields: object): string =>
  JSON.stringify({ ...(JSON.parse(value) as object), holder: "rival", ...fields });

/** Tries twice a second until it is stopped. */
function trying(clock: NodeClock, attempt: () => void): { later(): void; stop(): void } {
  let timer: unknown;
  let isStopped = false;
  const later = (): void => {
    timer = clock.setTimeout(() => {
      if (!isStopped) attempt();
    }, retryEvery);
  };
  attempt();
  return {
    later,
    stop() {
      isStopped = true;
      clock.clearTimeout(timer);
    },
  };
}

const tasks: LeaseKind = {
  name: "task",
  key: "task.x",
  contend({ name, map, view, clock }, { begins, told }) {
    const report = { answered: () => undefined, failed: () => undefined };
    let runs = 0;
    const claims = new Claims({
      key: "task.x",
      nodeId: name,
      bearings: undefined,
      place: () => ({ map, reporting: reportingMap(map, report), view, epoch: 0, ...report }),
      rule: undefined,
      lease: length,
      retry: parseRetry("retry"),
      clock,
      random: () => 0,
      newRunId: () => `${name}${String((runs += 1))}`,
      delayAfter: () => 0,
      onLost: () => {
        told();
        void claims.end({ outcome: "leaseLost" }, clock.now()).then(() => tries.later());
      },
      warn: () => undefined,
    });
    const attempt = (): void =>
      claims.check(true, (verdict) => {
        if (verdict.type === "CLAIMED") begins();
        else queueMicrotask(() => tries.later());
      });
    const tries = trying(clock, attempt);
    return {
      async stop() {
        tries.stop();
        await claims.end({ outcome: "aborted" }, clock.now());
      },
    };
  },
  rival: (value) => rivalOf(value, { runId: "rival" }),
};

const locks: LeaseKind = {
  name: "lock",
  key: "lock.x",
  contend({ name, map, view, clock }, { begins, told }) {
    const all = new Locks({ map, view, prefix: "lock.", holder: name, clock, epoch: 0, lease: length });
    let isStopped = false;
    const attempt = async (): Promise<void> => {
      const lock = await all.tryLock("x").catch(() => false as const);
      if (lock === false) {
        tries.later();
        return;
      }
      begins();
      lock.signal.addEventListener("abort", () => {
        if (isStopped) return;
        told();
        tries.later();
      });
    };
    const tries = trying(clock, () => void attempt());
    return {
      async stop() {
        isStopped = true;
        tries.stop();
        await all.close();
      },
    };
  },
  rival: (value) => rivalOf(value, { boot: "rival" }),
};

/** Reports the tenures of a lease that is campaigned for elsewhere. */
function follow(lease: ReturnType<typeof createLease>, clock: NodeClock, { begins, told }: Hands): () => void {
  let followed: AbortSignal | undefined;
  let isStopped = false;
  const look = (): void => {
    if (lease.token !== undefined && lease.valid() && lease.signal !== followed) {
      followed = lease.signal;
      begins();
      followed.addEventListener("abort", () => {
        if (!isStopped) told();
      });
    }
    timer = clock.setTimeout(look, retryEvery);
  };
  let timer: unknown = clock.setTimeout(look, retryEvery);
  return () => {
    isStopped = true;
    clock.clearTimeout(timer);
  };
}

class Followed extends Membership {
  follow(clock: NodeClock, hands: Hands): () => void {
    return follow(this.lease, clock, hands);
  }
}

const about = { host: "host", pid: 1, version: "1.0.0", started: 0 };

const members: LeaseKind = {
  name: "member",
  key: "node.x",
  contend({ map, view, clock }, hands) {
    const membership = new Followed({ map, view, id: "x", about, clock, epoch: 0, lease: length });
    const unfollow = membership.follow(clock, hands);
    void membership.join();
    return {
      async stop() {
        unfollow();
        await membership.close();
      },
    };
  },
  rival: (value) => rivalOf(value, { boot: "rival" }),
};

const partitions: LeaseKind = {
  name: "partition",
  key: "q.p.0",
  contend({ name, map, view, clock }, { begins, told }) {
    const shared = { map, view, clock, epoch: 0, lease: length };
    const membership = new Membership({ ...shared, id: name, about });
    const all = new Partitions({
      ...shared,
      queue: "q",
      partitions: [0],
      membership,
      random: () => 0,
      onOwned: begins,
      onLost: told,
      drain: () => Promise.resolve(),
    });
    all.start();
    void membership.join();
    return {
      async stop() {
        await all.stop();
        await membership.close();
      },
    };
  },
  rival: (value) => rivalOf(value, { boot: "rival" }),
};

export const leaseKinds: readonly LeaseKind[] = [tasks, partitions, locks, members];
