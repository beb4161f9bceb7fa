import type { Clock, TimerId } from "../clock";
import { OstinatoError } from "../errors";
import { quoted, requireName } from "../validate";
import { guardSignal, read } from "../foreign";
import type { RevisionMap } from "../store";
import { createLease, type Lease } from "./lease";
import { OwnRecord } from "./own-record";
import type { View } from "./view";

/** A lock that is held; `unlock` takes it back. */
export interface Lock {
  readonly id: string;
  /** Grows with every lock that is taken: what is written to under the lock can refuse whoever comes too late. */
  readonly token: number;
  /** Aborted, with a LeaseLostError, when the lock could not be renewed and is about to be somebody else's. */
  readonly signal: AbortSignal;
}

export interface LocksOptions {
  map: RevisionMap;
  /**
   * A view of the prefix (or of more), open for as long as the process works with the locks: a lock whose holder died
   * is free once it has been seen here unchanged for its length.
   */
  view: View;
  /** What the keys begin with. */
  prefix: string;
  holder: string;
  clock: Clock;
  epoch: number | (() => number);
  /** Length of the lease behind `tryLock`, in milliseconds; how long a lock outlives the process that held it. */
  lease: number;
}

function warnOf(error: Error): void {
  process.emitWarning(`a listener to the signal of a lock threw: ${error.message}`, { type: "OstinatoWarning" });
}

/**
 * Locks for users, by id. A lock is a lease on a key of its own, so that it concerns nothing but that id: holding one
 * never lets another through, and even the process that holds it gets `false` for it.
 */
export class Locks {
  readonly #options: LocksOptions;
  readonly #held = new Map<Lock, Lease>();
  readonly #expiring = new Set<TimerId>();

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  /**
   * Takes the lock if it is free, without waiting, and keeps it until `unlock` or the end of the process.
   * Resolves to false when it is held, here or elsewhere.
   *
   * @throws OstinatoError ERR_INVALID_ID; as the store's calls do.
   */
  async tryLock(id: string): Promise<Lock | false> {
    const lease = createLease({ ...this.#options, key: this.#key(id) });
    const taken = await lease.acquire();
    if (taken === undefined) return false;
    const lock: Lock = Object.freeze({ id, token: taken.token, signal: guardSignal(lease.signal, warnOf) });
    this.#held.set(lock, lease);
    lease.signal.addEventListener("abort", () => this.#held.delete(lock), { once: true });
    return lock;
  }

  /**
   * Takes the lock if it is free, without waiting, for a time that is fixed: it ends by itself, and not earlier.
   *
   * @param duration in milliseconds, counted on the clock of whoever looks at it, from when it was seen there.
   * @throws OstinatoError ERR_INVALID_ID; as the store's calls do.
   */
  async tryAutoLock(id: string, duration: number): Promise<boolean> {
    const { clock } = this.#options;
    const record = new OwnRecord({ ...this.#options, key: this.#key(id), lease: duration, fixed: true });
    const taking = await record.take();
    if (!taking.taken) return false;
    // Others do not need the record to be deleted; it is done so that ids that are locked once do not pile up.
    const timer = clock.setTimeout(() => {
      this.#expiring.delete(timer);
      void record.giveUp(taking.tenure);
    }, duration);
    this.#expiring.add(timer);
    return true;
  }

  /**
   * Gives back a lock that was taken here and is still held.
   *
   * @throws OstinatoError ERR_LOCK_NOT_HELD when it was taken by somebody else, given back before, or lost.
   */
  async unlock(lock: Lock): Promise<void> {
    const lease = this.#held.get(lock);
    if (lease?.valid() !== true) {
      const given = read(lock, "id");
      const id = typeof given === "string" ? quoted(given.slice(0, 100)) : "unknown";
      throw new OstinatoError(
        "ERR_LOCK_NOT_HELD",
        `the lock on ${id} is not held here; only its holder can release it`,
      );
    }
    await lease.release();
  }

  /** Releases what is held. Locks that end by themselves are left to do so. */
  async close(): Promise<void> {
    for (const timer of this.#expiring) this.#options.clock.clearTimeout(timer);
    this.#expiring.clear();
    await Promise.all([...this.#held.values()].map((lease) => lease.release()));
  }

  #key(id: string): string {
    return this.#options.prefix + requireName("id", id, "ERR_INVALID_ID");
  }
}
