import type { Clock } from "../clock";
import type { Duration } from "../duration";
import { OstinatoError } from "../errors";
import type { Store } from "../store";
import { Locks, requireLockDuration, type Lock } from "./locks";
import { reach, type Reached } from "./reached";

/** Locks that all nodes of a cluster share, by id: for what must not happen twice at once outside of tasks. */
export interface RuntimeLocks {
  /**
   * Takes the lock if it is free, without waiting, and renews it until `unlock`, or the end of the process. Resolves to
   * false when it is held, here or elsewhere: taking it twice in one process is no exception.
   *
   * @throws OstinatoError ERR_INVALID_ID, ERR_STOPPED; as the store's calls do.
   */
  tryLock(id: string): Promise<Lock | false>;
  /**
   * Takes the lock if it is free, without waiting, for a time that is fixed: it ends by itself. Under a second, `duration`
   * is to be a text such as `"500ms"`: a smaller number is refused, as it was meant in seconds.
   *
   * @throws OstinatoError ERR_INVALID_ID, ERR_INVALID_DURATION, ERR_STOPPED; as the store's calls do.
   */
  tryAutoLock(id: string, duration: Duration): Promise<boolean>;
  /** @throws OstinatoError ERR_LOCK_NOT_HELD when it was taken by somebody else, given back before, or lost. */
  unlock(lock: Lock): Promise<void>;
}

export interface StoreLocksOptions {
  store: Store;
  clock: Clock;
  nodeId: string;
  /** In milliseconds: how long a lock outlives the process that held it. */
  lease: number;
  /** Whether the store may be used: it is, between the runtime's start and its stop. */
  isRunning: () => boolean;
}

/** The locks of one runtime. The store is looked at from the first use on. */
export class StoreLocks implements RuntimeLocks {
  readonly #options: StoreLocksOptions;
  #reached: Reached | undefined;
  #opening: Promise<Locks> | undefined;

  constructor(options: StoreLocksOptions) {
    this.#options = options;
  }

  async tryLock(id: string): Promise<Lock | false> {
    return (await this.#open()).tryLock(id);
  }

  async tryAutoLock(id: string, duration: Duration): Promise<boolean> {
    const length = requireLockDuration(duration);
    return (await this.#open()).tryAutoLock(id, length);
  }

  async unlock(lock: Lock): Promise<void> {
    await (await this.#open()).unlock(lock);
  }

  /** Releases what is held here. */
  async close(): Promise<void> {
    await this.#reached?.view.close();
    const locks = await this.#opening?.catch(() => undefined);
    await locks?.close();
    await this.#reached?.view.close();
  }

  async #open(): Promise<Locks> {
    if (!this.#options.isRunning()) {
      throw new OstinatoError("ERR_STOPPED", "locks can be used between the runtime's start and its stop");
    }
    return (this.#opening ??= this.#make().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  async #make(): Promise<Locks> {
    const { store, clock, nodeId, lease } = this.#options;
    const prefix = "lock.";
    const reached = (this.#reached = await reach(store, "leases", prefix, clock));
    await reached.view.ready;
    return new Locks({ ...reached, prefix, holder: nodeId, clock, lease });
  }
}
