import type { Clock } from "../clock";
import { judgeAnswer, type Moment } from "../rules/late-answers";
import type { Change, Entry, Renewal, RevisionMap, Watch } from "../store";

/** An entry, and when this process first saw it at this revision, on its own monotonic clock. */
export interface Seen {
  readonly entry: Entry;
  /** Infinity while somebody vouches for it. */
  readonly seenAt: number;
}

interface Known {
  /** Undefined once its writer has said that the key is deleted, until the watch has said so too. */
  readonly entry: Entry | undefined;
  readonly revision: number;
  readonly seenAt: number;
  readonly generation: number;
  /** By the watch; what an answer has told may be gone by the time that the watch has caught up. */
  readonly isDelivered: boolean;
}

/** What became of what was known when a store turned out to be another one. */
export interface Loss extends Renewal {
  readonly known: number;
  readonly lost: number;
}

/** A view that contradicts an answer of the store begins again, but not more often than this, in milliseconds. */
const refreshAtMostEvery = 1_000;

/**
 * What one process knows of all keys under a prefix, kept by one watch. It is what leases are observed through: every
 * entry comes with the moment its revision was first seen here, and a moment does not move when the same revision is
 * delivered again, because that only proves that nobody has written since.
 *
 * A view may lag behind the store; decisions taken from it are conditional writes, which a lag makes fail and nothing
 * worse. Answers to requests may in turn lag behind the view; `rules/late-answers` says what becomes of those. An answer
 * that contradicts the view makes it read everything again.
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
  readonly #onLoss = new Set<(loss: Loss) => void>();
  readonly #clock: Clock;
  readonly #map: RevisionMap;
  readonly #prefix: string;
  #watch: Watch;
  /** Lets nothing that the present watch delivers through any more. */
  #mute: () => void = () => undefined;
  #becomeReady: () => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #generation = 0;
  #delivered = 0;
  #highest = 0;
  #stale = true;
  #closed = false;
  #refreshedAt = -Infinity;
  #loss: (Loss & { lost: number }) | undefined;
  /**
   * Known keys that an answer has shown to be absent, until the watch says why: they were deleted, or the store is
   * another one and has lost them.
   */
  readonly #missing = new Set<string>();
  readonly #ending = new Set<Promise<void>>();

  constructor(map: RevisionMap, prefix: string, clock: Clock) {
    this.#clock = clock;
    this.#map = map;
    this.#prefix = prefix;
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#refuse = reject;
    });
    this.ready.catch(() => undefined);
    this.#watch = this.#begin();
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
   * Calls `listener` when the store turned out to be another one, or an older state of the same one, and entries that
   * were known are not in it; it must not throw. Returns the function that ends it.
   */
  onLoss(listener: (loss: Loss) => void): () => void {
    this.#onLoss.add(listener);
    return () => this.#onLoss.delete(listener);
  }

  /** To be taken before a request is sent, and handed over with its answer. */
  moment(): Moment {
    return { generation: this.#generation, delivered: this.#delivered, highest: this.#highest };
  }

  /**
   * Takes over what its user has just written or read, so that it need not wait for the watch. A key that was read and
   * found absent is noted with `value: undefined, revision: 0`. Listeners are called before this returns.
   *
   * @param sent the moment at which the request was sent.
   */
  noteOwnWrite(change: Change, sent?: Moment): void {
    const judgement = judgeAnswer(change, this.#current(change.key)?.revision, this.moment(), sent);
    if (judgement === "news") this.#put(change, false);
    else if (judgement === "absent") this.#miss(change.key);
    else if (judgement === "contradiction") this.refresh();
  }

  /** Has everything read from the store once more; at most once a second. */
  refresh(): void {
    const now = this.#clock.monotonic();
    if (this.#closed || now - this.#refreshedAt < refreshAtMostEvery) return;
    this.#refreshedAt = now;
    if (this.#watch.refresh !== undefined) {
      this.#watch.refresh();
      return;
    }
    this.#mute();
    const ended = this.#watch.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    this.#doubt();
    try {
      this.#watch = this.#begin();
    } catch {
      // The store is closed: there is nothing more to see.
    }
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
    this.#closed = true;
    this.#mute();
    this.#becomeReady();
    await Promise.all([this.#watch.close(), ...this.#ending]);
    this.#byKey.clear();
    this.#all.clear();
    this.#onCurrent.clear();
    this.#onLoss.clear();
  }

  #begin(): Watch {
    let isOver = false;
    const mine =
      <A extends unknown[]>(act: (...args: A) => void) =>
      (...args: A): void => {
        if (!isOver) act(...args);
      };
    this.#mute = () => {
      isOver = true;
    };
    return this.#map.watch(this.#prefix, {
      change: mine((change: Change) => this.#deliver(change)),
      current: mine(() => this.#caughtUp()),
      doubt: mine((renewal?: Renewal) => this.#doubt(renewal)),
      failed: (error) => this.#refuse(error),
    });
  }

  #current(key: string): Known | undefined {
    const known = this.#known.get(key);
    return known?.generation === this.#generation ? known : undefined;
  }

  #doubt(renewal?: Renewal): void {
    this.#generation += 1;
    this.#delivered = 0;
    this.#highest = 0;
    this.#stale = true;
    if (renewal === undefined) return;
    const missing = this.#missing.size;
    const known = [...this.entries()].filter(({ entry }) => !this.#missing.has(entry.key)).length;
    this.#loss ??= { ...renewal, known: known + missing, lost: missing };
  }

  #deliver(change: Change): void {
    const known = this.#current(change.key);
    if (this.#loss === undefined) this.#missing.delete(change.key);
    this.#delivered = Math.max(this.#delivered, change.revision);
    if (known === undefined || change.revision >= known.revision) this.#put(change, true);
  }

  #put({ key, value, revision }: Change, isDelivered: boolean): void {
    const known = this.#known.get(key);
    this.#highest = Math.max(this.#highest, revision);
    const same = known !== undefined && known.revision === revision && known.entry?.value === value;
    const entry = value === undefined ? undefined : { key, value, revision };
    // In a bucket that is a new one, what is there has been written again since the old one went.
    const isOld = known?.generation !== this.#generation && !this.#missing.has(key);
    if (this.#loss?.how === "recreated" && known?.entry !== undefined && isOld) {
      this.#loss.lost += Number(known.entry.value !== value);
    }
    const seenAt = same ? known.seenAt : this.#clock.monotonic();
    // Older deliveries may still follow a deletion that was noted by its writer, but none follows a delivered one.
    if (entry === undefined && isDelivered) this.#known.delete(key);
    else {
      const delivered = isDelivered || (same && known.isDelivered && known.generation === this.#generation);
      this.#known.set(key, { entry, revision, seenAt, generation: this.#generation, isDelivered: delivered });
    }
    if (!same && (entry !== undefined || known?.entry !== undefined)) this.#tell(key);
  }

  #miss(key: string): void {
    const known = this.#known.get(key);
    if (known?.entry !== undefined && !this.#missing.has(key)) {
      this.#missing.add(key);
      if (this.#loss !== undefined && known.generation !== this.#generation) this.#loss.lost += 1;
    }
    this.#forget(key);
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    if (known.entry !== undefined) this.#tell(key);
  }

  #caughtUp(): void {
    this.#stale = false;
    const loss = this.#loss;
    for (const [key, { entry, generation, revision, isDelivered }] of this.#known) {
      const isOld = generation !== this.#generation;
      if (loss !== undefined && isOld && entry !== undefined && !this.#missing.has(key)) loss.lost += 1;
      // What the watch has passed without delivering it is gone.
      if (isOld || (!isDelivered && revision <= this.#delivered)) this.#forget(key);
    }
    this.#loss = undefined;
    this.#missing.clear();
    this.#becomeReady();
    for (const listener of [...this.#onCurrent]) listener();
    if (loss !== undefined) for (const listener of [...this.#onLoss]) listener(loss);
  }

  #tell(key: string): void {
    const listeners = this.#byKey.get(key);
    if (listeners !== undefined) for (const listener of [...listeners]) listener();
    if (this.#all.size > 0) for (const listener of [...this.#all]) listener(key);
  }
}
