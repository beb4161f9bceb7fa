import { sleep, type Clock } from "../clock";
import { toError } from "../errors";
import type { Random } from "../identity";
import { assignPartitions } from "../rules/assignment";
import { mayTake, readLease, retryPause } from "../rules/lease";
import type { RevisionMap } from "../store";
import { firstAbort } from "./first-abort";
import { createLease, type Lease } from "./lease";
import type { Membership } from "./membership";
import type { View } from "./view";

export interface PartitionsOptions {
  /** What the keys begin with: partition n is held under `<queue>.p.<n>`. */
  queue: string;
  /** The numbers of the partitions that are divided. */
  partitions: readonly number[];
  map: RevisionMap;
  /** A running view of a prefix that holds these keys. */
  view: View;
  /** The workers among whom the partitions are divided, this process included once it has joined. */
  membership: Pick<Membership, "id" | "members" | "onChange">;
  clock: Clock;
  epoch: number | (() => number);
  /** In milliseconds. */
  lease: number;
  random?: Random;
  /** The partition is ours from now on. Must not throw. */
  onOwned: (partition: number, lease: Lease) => void;
  /** The partition is about to be, or is, somebody else's: nothing new may begin, what runs must end. Must not throw. */
  onLost: (partition: number, reason: Error) => void;
  /**
   * Resolves when nothing of the partition runs here any more. Called before a partition is given back, and after
   * one was lost; it is not taken again before that. Rejects when something was given up: the lease is not given back
   * then, because nobody is to begin beside it.
   */
  drain: (partition: number) => Promise<void>;
}

/** What this process does about one partition. One that it has nothing to do with has no entry. */
interface Claim {
  readonly lease: Lease;
  readonly withdraw: AbortController;
  state: "wanted" | "owned" | "leaving";
  /** Until then it is not given back for the sake of an even division, on the monotonic clock. */
  readonly keptUntil: number;
}

/** So many partitions are given back at a time when members come: the rest goes on working meanwhile. */
const movesAtOnce = 4;
/** A partition that nobody served is kept for so many leases by whoever took it in, whatever its share is. */
const leasesOfAdoption = 10;

/**
 * The partitions of a queue that this process owns. Whenever members come or go, every process works out the same
 * assignment; who owns more than that says gives back a few at a time, and who is to own more waits for them. Giving
 * back is draining first and releasing then, so that the next owner starts at once and beside nobody; a dead
 * owner's partitions are free after its lease. That two believe to own one at a time is ruled out by the leases alone.
 */
export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #claims = new Map<number, Claim>();
  /** By place in the list of partitions, as is what is worked out from it. */
  readonly #holders: (string | undefined)[];
  readonly #places: ReadonlyMap<number, number>;
  readonly #ending = new Set<Promise<void>>();
  #stopListening: (() => void)[] = [];
  #scheduled = false;
  #running = false;

  constructor(options: PartitionsOptions) {
    this.#options = options;
    this.#holders = options.partitions.map(() => undefined);
    this.#places = new Map(options.partitions.map((partition, place) => [partition, place]));
  }

  /** The partitions that are ours, in order. */
  get owned(): number[] {
    return [...this.#claims]
      .filter(([, { state }]) => state === "owned")
      .map(([partition]) => partition)
      .sort((a, b) => a - b);
  }

  /** Who holds each partition, as far as is known here. */
  get holders(): Map<number, string | undefined> {
    return new Map(this.#options.partitions.map((partition, place) => [partition, this.#holders[place]]));
  }

  /** The partitions that are divided. */
  get numbers(): readonly number[] {
    return this.#options.partitions;
  }

  /** Looks again who holds each partition, and divides them again: a lease that nobody renews ends without an event. */
  review(): void {
    for (const partition of this.numbers) this.#noteHolder(partition);
    this.#schedule();
  }

  /** Claims a partition that nobody serves, whoever should by the division. */
  adopt(partition: number): void {
    const { clock, lease } = this.#options;
    if (!this.#running || this.#claims.has(partition)) return;
    this.#claim(partition, clock.monotonic() + leasesOfAdoption * lease);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    const { view, membership, queue, partitions } = this.#options;
    for (const partition of partitions) this.#noteHolder(partition);
    const prefix = `${queue}.p.`;
    this.#stopListening = [
      view.onCurrent(() => {
        this.#schedule();
      }),
      membership.onChange(() => {
        this.#schedule();
      }),
      view.onAny((key) => {
        if (key.startsWith(prefix) && this.#noteHolder(Number(key.slice(prefix.length)))) this.#schedule();
      }),
    ];
    this.#schedule();
  }

  /**
   * Gives back everything, all at once, and resolves when it is given back. Who leaves the membership before this is
   * followed at once; who leaves it later, only then.
   */
  async stop(): Promise<void> {
    this.#running = false;
    for (const stop of this.#stopListening) stop();
    this.#stopListening = [];
    for (const claim of this.#claims.values()) this.#giveBack(claim);
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  #noteHolder(partition: number): boolean {
    const place = this.#places.get(partition);
    if (place === undefined) return false;
    const { view, clock, lease } = this.#options;
    const seen = view.get(this.#key(partition));
    const fields = readLease(seen?.entry.value);
    const isFree = seen === undefined || mayTake(fields, seen, clock.monotonic(), lease).take;
    const holder = isFree ? undefined : fields?.holder;
    if (holder === this.#holders[place]) return false;
    this.#holders[place] = holder;
    return true;
  }

  /** Changes that come together are answered together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#running) this.#rebalance();
    });
  }

  #rebalance(): void {
    const { membership, view, clock } = this.#options;
    // Who has not seen everything would take the others for dead.
    if (view.stale) return;
    const members = membership.members().map(({ id }) => id);
    // Who is not a member cannot know its share. What it owns is kept: the leases decide how long.
    if (!members.includes(membership.id)) return;
    const target = assignPartitions(members, this.#holders);
    let moves = movesAtOnce;
    for (const { state } of this.#claims.values()) if (state === "leaving") moves -= 1;
    for (const [place, owner] of target.entries()) {
      const partition = this.#options.partitions[place] as number;
      const claim = this.#claims.get(partition);
      if (owner === membership.id) {
        if (claim === undefined) this.#claim(partition);
      } else if (claim === undefined || claim.keptUntil > clock.monotonic()) continue;
      else if (claim.state === "wanted") this.#giveBack(claim);
      else if (claim.state === "owned" && moves-- > 0) this.#giveBack(claim);
    }
  }

  #claim(partition: number, keptUntil = -Infinity): void {
    const { membership } = this.#options;
    const lease = createLease({ ...this.#options, key: this.#key(partition), holder: membership.id });
    const claim: Claim = { lease, withdraw: new AbortController(), state: "wanted", keptUntil };
    this.#claims.set(partition, claim);
    this.#keep(this.#own(partition, claim));
  }

  /** From wanting a partition to having ended everything about it. */
  async #own(partition: number, claim: Claim): Promise<void> {
    const { onOwned, onLost, drain, clock, lease: length } = this.#options;
    const { lease, withdraw } = claim;
    try {
      await lease.campaign(withdraw.signal);
    } catch {
      // Told to stop waiting, or refused: by a store that is closed, or permits this user nothing.
      await sleep(clock, retryPause(length), withdraw.signal);
      this.#claims.delete(partition);
      this.#schedule();
      return;
    }
    claim.state = "owned";
    const { signal } = lease;
    onOwned(partition, lease);
    const lost = (): void => {
      claim.state = "leaving";
      onLost(partition, toError(signal.reason));
    };
    signal.addEventListener("abort", lost);
    if (signal.aborted) lost();
    else await firstAbort(signal, withdraw.signal);
    const drained = await drain(partition).then(
      () => true,
      () => false,
    );
    signal.removeEventListener("abort", lost);
    if (drained) await lease.release();
    this.#claims.delete(partition);
    this.#schedule();
  }

  #giveBack(claim: Claim): void {
    if (claim.state === "owned") claim.state = "leaving";
    claim.withdraw.abort();
  }

  #keep(ending: Promise<void>): void {
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  #key(partition: number): string {
    return `${this.#options.queue}.p.${String(partition)}`;
  }
}
