import type { Clock } from "../clock";
import type { Change, Entry, RevisionMap, Watch } from "../store";

/** An entry, and when this process first saw it at this revision, on its own monotonic clock. */
export interface Seen {
  readonly entry: Entry;
  /** Infinity while somebody vouches for it. */
  readonly seenAt: number;
}

interface Known {
  /** Undefined once the key is known to be deleted, until the watch has said so too. */
  readonly entry: Entry | undefined;
  readonly revision: number;
  readonly seenAt: number;
  readonly generation: number;
}

/**
 * What one process knows of all keys under a prefix, kept by one watch. It is what leases are observed through: every
 * entry comes with the moment its revision was first seen here, and a moment does not move when the same revision is
 * delivered again, because that only proves that nobody has written since.
 *
 * A view may lag behind the store; decisions taken from it are conditional writes, which a lag makes fail and nothing
 * worse. A delivery that is older than what is known never overwrites it, unless the watch has been in doubt in
 * between: a store that lost its last writes may count revisions anew.
 */
export class View {
  /**
   * Resolves when everything that was stored has been delivered once (or the view was closed).
   * Rejects with ERR_STORE_PERMISSION or ERR_STORE_SETTINGS when the store says so before.
   */
  readonly ready: Promise<void>;
  readonly #known = new Map<string, Known>();
  readonly #byKey = new Map<string, Set<() => void>>();
  readonly #all = new Set<(key: string) => void>();
  readonly #onCurrent = new Set<() => void>();
  readonly #clock: Clock;
  readonly #map: RevisionMap;
  readonly #watch: Watch;
  #becomeReady: () => void = () => undefined;
  #generation = 0;
  #stale = true;

  constructor(map: RevisionMap, prefix: string, clock: Clock) {
    this.#clock = clock;
    this.#map = map;
    let refuse: (error: Error) => void = () => undefined;
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      refuse = reject;
    });
    this.ready.catch(() => undefined);
    this.#watch = map.watch(prefix, {
      change: (change) => {
        this.#note(change, true);
      },
      current: () => {
        this.#caughtUp();
      },
      doubt: () => {
        this.#generation += 1;
        this.#stale = true;
      },
      failed: refuse,
    });
  }

  /** True until everything has been delivered, at first and after each doubt of the watch. */
  get stale(): boolean {
    return this.#stale;
  }

  get(key: string): Seen | undefined {
    const known = this.#known.get(key);
    return known?.entry === undefined ? undefined : (known as Seen);
  }

  /** Every entry, in no promised order. */
  *entries(): Generator<Seen> {
    for (const known of this.#known.values()) if (known.entry !== undefined) yield known as Seen;
  }

  /** Calls `listener` after every change of this key; it must not throw. Returns the function that ends it. */
  on(key: string, listener: () => void): () => void {
    const listeners = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byKey.get(key) === listeners) this.#byKey.delete(key);
    };
  }

  /** Calls `listener` with the key after every change; it must not throw. Returns the function that ends it. */
  onAny(listener: (key: string) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  /** Calls `listener` each time that `stale` has become false; it must not throw. Returns the function that ends it. */
  onCurrent(listener: () => void): () => void {
    this.#onCurrent.add(listener);
    return () => this.#onCurrent.delete(listener);
  }

  /**
   * Takes over what its user has just written or read, so that it need not wait for the watch. A key that was read and
   * found absent is noted with `value: undefined, revision: 0`. Listeners are called before this returns.
   */
  noteOwnWrite(change: Change): void {
    if (change.value === undefined && change.revision === 0) this.#forget(change.key);
    else this.#note(change, false);
  }

  /**
   * Stops the key from ageing, because whoever holds it lives in this process and nobody else watches it: its holder
   * need not renew it. Calls `joined` when somebody else begins to watch it; from then on it ages again. Returns the
   * function that ends this; undefined where it cannot be known that nobody else watches.
   */
  vouch(key: string, joined: () => void): (() => void) | undefined {
    const known = this.#known.get(key);
    if (known === undefined) return undefined;
    const end = (): void => {
      cancel?.();
      const now = this.#known.get(key);
      if (now?.seenAt !== Infinity) return;
      this.#known.set(key, { ...now, seenAt: this.#clock.monotonic() });
      this.#tell(key);
    };
    const cancel = this.#map.whileAlone?.(this.#watch, key, () => {
      end();
      joined();
    });
    if (cancel === undefined) return undefined;
    this.#known.set(key, { ...known, seenAt: Infinity });
    return end;
  }

  /** No listener is called any more once this has resolved; what is known can still be read. */
  async close(): Promise<void> {
    this.#becomeReady();
    await this.#watch.close();
    this.#byKey.clear();
    this.#all.clear();
    this.#onCurrent.clear();
  }

  #note({ key, value, revision }: Change, watched: boolean): void {
    const known = this.#known.get(key);
    const generation = this.#generation;
    if (known !== undefined && known.generation === generation && revision < known.revision) return;
    const same = known !== undefined && known.revision === revision && known.entry?.value === value;
    if (same && known.generation === generation && !(watched && value === undefined)) return;
    const entry = value === undefined ? undefined : { key, value, revision };
    const seenAt = same ? known.seenAt : this.#clock.monotonic();
    // Older deliveries may still follow a deletion that was noted by its writer, but none follows a delivered one.
    if (entry === undefined && (watched || known === undefined)) this.#known.delete(key);
    else this.#known.set(key, { entry, revision, seenAt, generation });
    if (!same && (entry !== undefined || known?.entry !== undefined)) this.#tell(key);
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    if (known.entry !== undefined) this.#tell(key);
  }

  #caughtUp(): void {
    this.#stale = false;
    for (const [key, known] of this.#known) if (known.generation !== this.#generation) this.#forget(key);
    this.#becomeReady();
    for (const listener of [...this.#onCurrent]) listener();
  }

  #tell(key: string): void {
    const listeners = this.#byKey.get(key);
    if (listeners !== undefined) for (const listener of [...listeners]) listener();
    if (this.#all.size > 0) for (const listener of [...this.#all]) listener(key);
  }
}
