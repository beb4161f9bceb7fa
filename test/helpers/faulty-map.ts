import { OstinatoError } from "../../src/errors";
import type { Clock } from "../../src/clock";
import type { Entry, RevisionMap, Watch, WatchListener, Written } from "../../src/store";

/**
 * What becomes of one write: nothing is sent; it is lost, and nobody says so; it is applied and the answer is lost; it
 * is applied later, after the caller has given up.
 */
export type Fault = "unavailable" | "lost" | "unanswered" | "late";

/** A map as one node reaches it over a bad network. */
export interface FaultyMap extends RevisionMap {
  /** What the next writes meet, in order; without an entry they go well. */
  faults: Fault[];
  /** Milliseconds by which a "late" write is applied after it was given up. */
  lateBy: number;
  /** Milliseconds that each call takes before it reaches the store, and again for the answer. */
  latency: number;
  /** While cut off nothing goes through, and watches are silent; afterwards they are in doubt and start anew. */
  cut(off: boolean): void;
  /** Calls made so far. */
  readonly calls: number;
}

const unavailable = (): OstinatoError => new OstinatoError("ERR_STORE_UNAVAILABLE", "no connection");
const unknown = (): OstinatoError => new OstinatoError("ERR_STORE_UNKNOWN", "no answer");

export function faultyMap(inner: RevisionMap, clock: Clock): FaultyMap {
  let off = false;
  let calls = 0;
  const watches = new Set<{ stop(): void; start(): void }>();
  const pass = (ms: number): Promise<void> =>
    ms > 0 ? new Promise((resolve) => void clock.setTimeout(resolve, ms)) : Promise.resolve();

  const write = async (send: () => Promise<Written>): Promise<Written> => {
    calls += 1;
    const fault = map.faults.shift();
    if (off || fault === "unavailable") throw unavailable();
    await pass(map.latency);
    if (fault === "lost") throw unknown();
    if (fault === "late") {
      clock.setTimeout(() => void send().catch(() => undefined), map.lateBy);
      throw unknown();
    }
    const written = await send();
    await pass(map.latency);
    if (off || fault === "unanswered") throw unknown();
    return written;
  };

  const map: FaultyMap = {
    faults: [],
    lateBy: 1_000,
    latency: 0,
    get calls() {
      return calls;
    },
    cut(now) {
      if (off === now) return;
      off = now;
      for (const watch of watches) if (off) watch.stop();
      for (const watch of watches) if (!off) watch.start();
    },
    async get(key) {
      calls += 1;
      if (off) throw unavailable();
      await pass(map.latency);
      const entry = await inner.get(key);
      await pass(map.latency);
      if (off) throw unavailable();
      return entry;
    },
    create: (key, value) => write(() => inner.create(key, value)),
    update: (key, value, revision) => write(() => inner.update(key, value, revision)),
    delete: (key, revision) => write(() => inner.delete(key, revision)),
    async *list(prefix): AsyncGenerator<Entry> {
      if (off) throw unavailable();
      yield* inner.list(prefix);
    },
    watch(prefix: string, listener: WatchListener): Watch {
      let watch: Watch | undefined;
      const own = {
        stop: (): void => {
          void watch?.close();
        },
        start: (): void => {
          listener.doubt();
          watch = inner.watch(prefix, listener);
        },
      };
      if (!off) watch = inner.watch(prefix, listener);
      watches.add(own);
      return {
        close: async () => {
          watches.delete(own);
          await watch?.close();
        },
      };
    },
  };
  return map;
}
