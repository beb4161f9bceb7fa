import type { Change, Entry, RevisionMap, Store, Watch, WatchListener, Written } from "../store";
import { checkMapName, closedError, keyError } from "./arguments";
import { SortedKeys } from "./sorted-keys";
import { WatchIndex } from "./watch-index";

/**
 * A store inside this process, for one process, for tests and for trying things out. Nothing outlives the process; what
 * was written stays readable after `close()` and a new `open()`, so that a runtime can be restarted on it.
 * Runtimes of one process that are given the same store are a cluster.
 */
export function memoryStore(): Store {
  const state: State = { closed: false, revision: 0, tables: new Map() };
  return {
    description: "memory",
    open() {
      state.closed = false;
      return Promise.resolve();
    },
    map(name) {
      checkMapName(name);
      return new MemoryMap(state, name);
    },
    epoch: () => (state.closed ? Promise.reject(closedError("memory")) : Promise.resolve(0)),
    onEvent: () => () => undefined,
    close() {
      state.closed = true;
      for (const table of [...state.tables.values()]) table.endWatches();
      return Promise.resolve();
    },
  };
}

interface State {
  closed: boolean;
  /** Of the last write to any map, so that a map that was emptied and is used again continues to count. */
  revision: number;
  /** By map name. A table that holds nothing and is not watched is not kept. */
  readonly tables: Map<string, Table>;
}

interface MemoryWatch extends Watch {
  readonly listener: WatchListener;
  closed: boolean;
}

/** Waits for another watch that covers the key. */
interface Loner {
  readonly key: string;
  readonly joined: () => void;
}

/** A key with its entry, and the watches that its last write concerned as long as the index has not changed. */
interface Slot {
  entry: Entry;
  watches: readonly MemoryWatch[];
  watchesVersion: number;
}

const conflict: Promise<Written> = Promise.resolve({ ok: false });
const absent: Promise<undefined> = Promise.resolve(undefined);

/** The table of one name, whichever that is at the time of the call. */
class MemoryMap implements RevisionMap {
  constructor(
    private readonly state: State,
    private readonly name: string,
  ) {}

  private get table(): Table {
    return this.state.tables.get(this.name) ?? new Table(this.state, this.name);
  }

  get(key: string): Promise<Entry | undefined> {
    return this.table.get(key);
  }

  create(key: string, value: string): Promise<Written> {
    return this.table.create(key, value);
  }

  update(key: string, value: string, revision: number): Promise<Written> {
    return this.table.update(key, value, revision);
  }

  delete(key: string, revision: number): Promise<Written> {
    return this.table.delete(key, revision);
  }

  list(prefix: string): AsyncIterable<Entry> {
    return this.table.list(prefix);
  }

  watch(prefix: string, listener: WatchListener): Watch {
    return this.table.watch(prefix, listener);
  }

  whileAlone(watch: Watch, key: string, joined: () => void): (() => void) | undefined {
    return this.table.whileAlone(watch, key, joined);
  }
}

class Table implements RevisionMap {
  private readonly slots = new Map<string, Slot>();
  private readonly keys = new SortedKeys();
  private readonly watches = new WatchIndex<MemoryWatch>();
  private readonly loners = new Set<Loner>();
  private deliveries: (() => void)[] = [];
  private delivering = false;

  constructor(
    private readonly store: State,
    private readonly name: string,
  ) {}

  get(key: string): Promise<Entry | undefined> {
    if (this.store.closed) return this.closed();
    const slot = this.slots.get(key);
    return slot ? Promise.resolve(slot.entry) : absent;
  }

  create(key: string, value: string): Promise<Written> {
    if (this.store.closed) return this.closed();
    const wrong = keyError(key);
    if (wrong) return Promise.reject(wrong);
    if (this.slots.has(key)) return conflict;
    const revision = ++this.store.revision;
    const slot: Slot = { entry: { key, value, revision }, watches: [], watchesVersion: -1 };
    this.slots.set(key, slot);
    this.store.tables.set(this.name, this);
    this.keys.add(key);
    this.announce(slot, slot.entry);
    return Promise.resolve({ ok: true, revision });
  }

  update(key: string, value: string, revision: number): Promise<Written> {
    if (this.store.closed) return this.closed();
    const slot = this.slots.get(key);
    if (slot?.entry.revision !== revision) return conflict;
    const next = ++this.store.revision;
    slot.entry = { key, value, revision: next };
    this.announce(slot, slot.entry);
    return Promise.resolve({ ok: true, revision: next });
  }

  delete(key: string, revision: number): Promise<Written> {
    if (this.store.closed) return this.closed();
    const slot = this.slots.get(key);
    if (slot?.entry.revision !== revision) return conflict;
    const next = ++this.store.revision;
    this.slots.delete(key);
    this.keys.remove(key);
    this.announce(slot, { key, value: undefined, revision: next });
    this.leaveIfEmpty();
    return Promise.resolve({ ok: true, revision: next });
  }

  async *list(prefix: string): AsyncGenerator<Entry> {
    if (this.store.closed) throw closedError("memory");
    yield* this.entries(prefix);
  }

  watch(prefix: string, listener: WatchListener): Watch {
    if (this.store.closed) throw closedError("memory");
    const watch: MemoryWatch = {
      listener,
      closed: false,
      close: () => {
        if (!watch.closed) this.watches.remove(prefix, watch);
        watch.closed = true;
        this.leaveIfEmpty();
        return Promise.resolve();
      },
    };
    const snapshot = this.entries(prefix).sort((a, b) => a.revision - b.revision);
    this.watches.add(prefix, watch);
    this.store.tables.set(this.name, this);
    for (const loner of this.loners) {
      if (!loner.key.startsWith(prefix)) continue;
      this.loners.delete(loner);
      this.deliver(loner.joined);
    }
    this.deliver(() => {
      for (const entry of snapshot) if (!watch.closed) listener.change(entry);
      if (!watch.closed) listener.current();
    });
    return watch;
  }

  whileAlone(watch: Watch, key: string, joined: () => void): (() => void) | undefined {
    const covering = this.watches.concerning(key);
    if (covering.length !== 1 || covering[0] !== watch) return undefined;
    const loner = { key, joined };
    this.loners.add(loner);
    return () => this.loners.delete(loner);
  }

  endWatches(): void {
    for (const watch of this.watches.all()) watch.closed = true;
    this.watches.clear();
    this.leaveIfEmpty();
  }

  private leaveIfEmpty(): void {
    if (this.slots.size > 0 || !this.watches.isEmpty || this.store.tables.get(this.name) !== this) return;
    this.store.tables.delete(this.name);
  }

  private entries(prefix: string): Entry[] {
    const found: Entry[] = [];
    for (const key of this.keys.under(prefix)) {
      const slot = this.slots.get(key);
      if (slot) found.push(slot.entry);
    }
    return found;
  }

  private announce(slot: Slot, change: Change): void {
    if (slot.watchesVersion !== this.watches.version) {
      slot.watches = this.watches.concerning(change.key);
      slot.watchesVersion = this.watches.version;
    }
    const { watches } = slot;
    if (watches.length === 0) return;
    this.deliver(() => {
      for (const watch of watches) if (!watch.closed) watch.listener.change(change);
    });
  }

  /** In a microtask and one after the other, so that no listener runs inside a write or inside another listener. */
  private deliver(delivery: () => void): void {
    this.deliveries.push(delivery);
    if (this.delivering) return;
    this.delivering = true;
    queueMicrotask(() => {
      for (let batch = this.deliveries; batch.length > 0; batch = this.deliveries) {
        this.deliveries = [];
        for (const next of batch) next();
      }
      this.delivering = false;
    });
  }

  private closed<T>(): Promise<T> {
    return Promise.reject(closedError("memory"));
  }
}
