import { OstinatoError, type RevisionMap, type Store, type Watch, type WatchListener } from "ostinato";
import type { VirtualClock } from "ostinato/testing";
import { faultyMap, type Fault, type FaultyMap } from "./faulty-map";

/** One node's way to a store that others share, over a network on which everything may go wrong. */
export interface TroubledStore {
  readonly store: Store;
  /** Nothing goes through while it is cut; afterwards all watches are in doubt. */
  cut(off: boolean): void;
  /** Milliseconds that every call takes, each way: answers are older than they look. */
  latency(ms: number): void;
  /** Milliseconds by which watches tell of everything later. */
  lag: number;
  /** The next writes meet these. */
  faults(faults: readonly Fault[]): void;
  /** Writes to keys that end so are refused. */
  refused: string | undefined;
  /** Everything goes well from now on. */
  mend(): void;
}

export function troubledStore(inner: Store, clock: VirtualClock): TroubledStore {
  const maps = new Map<string, FaultyMap>();
  const each = (act: (map: FaultyMap) => void): void => {
    for (const map of maps.values()) act(map);
  };
  let isCut = false;
  const faulty = (name: string): FaultyMap => {
    let map = maps.get(name);
    if (map === undefined) maps.set(name, (map = faultyMap(inner.map(name), clock)));
    if (isCut) map.cut(true);
    return map;
  };
  const way: TroubledStore = {
    lag: 0,
    refused: undefined,
    cut(off) {
      isCut = off;
      each((map) => map.cut(off));
    },
    latency: (ms) => each((map) => (map.latency = ms)),
    faults: (faults) => each((map) => map.faults.push(...faults)),
    mend() {
      way.lag = 0;
      way.refused = undefined;
      each((map) => {
        map.faults = [];
        map.latency = 0;
      });
      way.cut(false);
    },
    store: {
      description: inner.description,
      open: () => inner.open(),
      epoch: (map) => inner.epoch(map),
      onEvent: (listener) => inner.onEvent(listener),
      close: () => Promise.resolve(),
      map(name) {
        const map = faulty(name);
        const guarded =
          <A extends unknown[], T>(write: (key: string, ...rest: A) => Promise<T>) =>
          (key: string, ...rest: A): Promise<T> => {
            if (way.refused === undefined || !key.endsWith(way.refused)) return write(key, ...rest);
            return Promise.reject(new OstinatoError("ERR_STORE_UNAVAILABLE", "this key is out of reach"));
          };
        const reached: RevisionMap = {
          get: (key) => map.get(key),
          create: guarded((key, value: string) => map.create(key, value)),
          update: guarded((key, value: string, revision: number) => map.update(key, value, revision)),
          delete: guarded((key, revision: number) => map.delete(key, revision)),
          list: (prefix) => map.list(prefix),
          watch: (prefix, listener) => lagging(map, prefix, listener, clock, () => way.lag),
        };
        return reached;
      },
    },
  };
  return way;
}

/** Tells everything later, and in order. */
function lagging(
  map: RevisionMap,
  prefix: string,
  listener: WatchListener,
  clock: VirtualClock,
  lag: () => number,
): Watch {
  let last = 0;
  let isClosed = false;
  const later = (tell: () => void): void => {
    const now = clock.monotonic();
    const at = Math.max(last, now + lag());
    last = at;
    if (at <= now) tell();
    else clock.setTimeout(() => !isClosed && tell(), at - now);
  };
  const watch = map.watch(prefix, {
    change: (change) => later(() => listener.change(change)),
    current: () => later(() => listener.current()),
    doubt: (renewal) => later(() => listener.doubt(renewal)),
  });
  return {
    close: () => {
      isClosed = true;
      return watch.close();
    },
  };
}
