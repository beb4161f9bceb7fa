import { OstinatoError, type RevisionMap, type Store, type Written } from "ostinato";

/** A way to a store that can be cut, held up, or answered for. */
export interface Breakable {
  readonly store: Store;
  /** Calls made so far, refused ones too. */
  calls: number;
  /** Every call is refused as unavailable until `mend()`. */
  cut(): void;
  mend(): void;
  /** The next write whose value contains the text waits until the function that is returned is called. */
  hold(text: string): { reached: Promise<void>; release: () => void };
  /** The next write whose value contains the text is answered as a conflict without having been made. */
  refuse(text: string): void;
}

/** One node's own way to a store that others may share. */
export function breakable(store: Store): Breakable {
  let broken = false;
  let held: { text: string; reach: () => void; released: Promise<void> } | undefined;
  let refused: string | undefined;
  const guard = (): void => {
    way.calls += 1;
    if (broken) throw new OstinatoError("ERR_STORE_UNAVAILABLE", "the way to the store is cut");
  };
  const write = async (value: string, make: () => Promise<Written>): Promise<Written> => {
    guard();
    if (held !== undefined && value.includes(held.text)) {
      const { reach, released } = held;
      held = undefined;
      reach();
      await released;
    }
    if (refused !== undefined && value.includes(refused)) {
      refused = undefined;
      return { ok: false };
    }
    guard();
    return make();
  };
  const wrap = (map: RevisionMap): RevisionMap => ({
    async get(key) {
      guard();
      return map.get(key);
    },
    create: (key, value) => write(value, () => map.create(key, value)),
    update: (key, value, revision) => write(value, () => map.update(key, value, revision)),
    async delete(key, revision) {
      guard();
      return map.delete(key, revision);
    },
    list: (prefix) => map.list(prefix),
    watch: (prefix, listener) => map.watch(prefix, listener),
  });
  const way: Breakable = {
    calls: 0,
    store: {
      description: `${store.description}, breakable`,
      ...(store.shared === undefined ? {} : { shared: store.shared }),
      open: () => store.open(),
      map: (name) => wrap(store.map(name)),
      epoch: (map) => store.epoch(map),
      onEvent: (listener) => store.onEvent(listener),
      close: () => Promise.resolve(),
    },
    cut: () => (broken = true),
    mend: () => (broken = false),
    hold(text) {
      let release = (): void => undefined;
      let reach = (): void => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      const reached = new Promise<void>((resolve) => (reach = resolve));
      held = { text, reach, released };
      return { reached, release };
    },
    refuse: (text) => (refused = text),
  };
  return way;
}
