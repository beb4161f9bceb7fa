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
 * The store's map of this name. Two things tell of a store that is another one than before: a write that gets no larger
 * revision than one that was seen before it was sent, and a doubt of a watch. Its epoch is asked for then, before the
 * next write is answered, so that no token is made with the old one. With a clock, how long its calls take is told to
 * OpenTelemetry.
 *
 * @throws OstinatoError as the store's calls do.
 */
export async function epochMap(store: Store, name: string, clock?: Clock): Promise<EpochMap> {
  const inner = clock === undefined ? store.map(name) : measuredMap(store, name, clock);
  let epoch = await store.epoch(name);
  if (store.shared !== true) return { map: inner, epoch: () => epoch };
  let highest = 0;
  let isDoubtful = false;
  let asking: Promise<void> | undefined;
  const see = (revision: number): void => {
    highest = Math.max(highest, revision);
  };
  const ask = async (): Promise<void> => {
    isDoubtful = false;
    try {
      epoch = await store.epoch(name);
    } catch (error) {
      isDoubtful = true;
      throw error;
    } finally {
      asking = undefined;
    }
  };
  const checked = async (write: Promise<Written>): Promise<Written> => {
    // What the watch tells while the write is under way proves nothing: only what was seen before it was sent.
    const before = highest;
    const written = await write;
    if (!written.ok) return written;
    if (written.revision > before) see(written.revision);
    else {
      highest = written.revision;
      isDoubtful = true;
    }
    if (isDoubtful) asking = ask();
    if (asking !== undefined) await asking;
    return written;
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
        doubt: (renewal) => {
          isDoubtful = true;
          highest = 0;
          listener.doubt(renewal);
        },
        failed: (error) => listener.failed?.(error),
      }),
  };
  return { map, epoch: () => epoch };
}
