import type { RevisionMap, WatchListener } from "../../src/store";
import type { NodeClock } from "./node-clock";

/** What comes from the store reaches a frozen machine only when it runs again, and in order. */
export function receivedBy(inner: RevisionMap, clock: NodeClock): RevisionMap {
  const wait = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } finally {
      if (clock.frozen) await clock.running();
    }
  };
  const buffered = (listener: WatchListener): WatchListener => {
    let queue: (() => void)[] = [];
    const pass = (deliver: () => void): void => {
      if (!clock.frozen && queue.length === 0) {
        deliver();
        return;
      }
      queue.push(deliver);
      if (queue.length > 1) return;
      void clock.running().then(() => {
        const all = queue;
        queue = [];
        for (const one of all) one();
      });
    };
    return {
      change: (change) => pass(() => listener.change(change)),
      current: () => pass(() => listener.current()),
      doubt: () => pass(() => listener.doubt()),
    };
  };
  return {
    get: (key) => wait(inner.get(key)),
    create: (key, value) => wait(inner.create(key, value)),
    update: (key, value, revision) => wait(inner.update(key, value, revision)),
    delete: (key, revision) => wait(inner.delete(key, revision)),
    list: (prefix) => inner.list(prefix),
    watch: (prefix, listener) => inner.watch(prefix, buffered(listener)),
  };
}
