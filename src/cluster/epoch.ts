import type { Clock } from "../clock";
import type { RevisionMap, Store, Written } from "../store";
import { measuredMap } from "./store-telemetry";

/** A map whose tokens grow even when its store is made anew while it is in use. */
export interface EpochMap {
  readonly map: RevisionMap;
  /** When the store was created, in seconds; asked after a write, it is that of the store which took the write. */
  readonly epoch: () => number;
}

/**
 * The store's map of this name. A write that gets no larger revision than one that was seen before it was sent tells of
 * a store that was made anew: its epoch is asked for before the write is answered, so that no token is made with the old
 * one. With a clock, how long its calls take is told to OpenTelemetry.
 *
 * @throws OstinatoError as the store's calls do.
 */
export async function epochMap(store: Store, name: string, clock?: Clock): Promise<EpochMap> {
  const inner = clock === undefined ? store.map(name) : measuredMap(store, name, clock);
  let epoch = await store.epoch(name);
  if (store.shared !== true) return { map: inner, epoch: () => epoch };
  let highest = 0;
  const see = (revision: number): void => {
    highest = Math.max(highest, revision);
  };
  const checked = (write: Promise<Written>): Promise<Written> => {
    // What the watch tells while the write is under way proves nothing: only what was seen before it was sent.
    const before = highest;
    return write.then((written) => {
      if (!written.ok) return written;
      if (written.revision > before) {
        see(written.revision);
        return written;
      }
      highest = written.revision;
      return store.epoch(name).then((now) => {
        epoch = now;
        return written;
      });
    });
  };
  const map: RevisionMap = {
    get: (key) => inner.get(key),
    create: (key, value) => checked(inner.create(key, value)),
    update: (key, value, revision) => checked(inner.update(key, value, revision)),
    delete: (key, revision) => inner.delete(key, revision),
    list: (prefix) => inner.list(prefix),
    watch: (prefix, listener) =>
      inner.watch(prefix, {
        change: (change) => {
          see(change.revision);
          listener.change(change);
        },
        current: () => listener.current(),
        doubt: () => listener.doubt(),
        failed: (error) => listener.failed?.(error),
      }),
  };
  return { map, epoch: () => epoch };
}
