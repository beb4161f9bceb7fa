import type { RevisionMap, Store } from "ostinato";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A store whose calls are counted, so that a test on the virtual clock can wait until none is under way: real input
 * and output takes real time, of which the virtual clock knows nothing.
 */
export function settling(store: Store): { store: Store; settled: () => Promise<void> } {
  let underWay = 0;
  let wake: (() => void) | undefined;
  const counted = async <T>(call: Promise<T>): Promise<T> => {
    underWay += 1;
    try {
      return await call;
    } finally {
      underWay -= 1;
      if (underWay === 0) wake?.();
    }
  };
  const maps = new Map<string, RevisionMap>();
  const wrap = (map: RevisionMap): RevisionMap => ({
    get: (key) => counted(map.get(key)),
    create: (key, value) => counted(map.create(key, value)),
    update: (key, value, revision) => counted(map.update(key, value, revision)),
    delete: (key, revision) => counted(map.delete(key, revision)),
    list: (prefix) => map.list(prefix),
    watch: (prefix, listener) => map.watch(prefix, listener),
  });
  return {
    store: {
      description: store.description,
      open: () => counted(store.open()),
      map(name) {
        let map = maps.get(name);
        if (map === undefined) maps.set(name, (map = wrap(store.map(name))));
        return map;
      },
      epoch: (map) => counted(store.epoch(map)),
      onEvent: (listener) => store.onEvent(listener),
      close: () => counted(store.close()),
    },
    async settled() {
      for (let quiet = 0; quiet < 2;) {
        if (underWay > 0) {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
          quiet = 0;
        }
        await turn();
        if (underWay === 0) quiet += 1;
      }
    },
  };
}
