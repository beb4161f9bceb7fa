import { createNoopMeter, metrics } from "@opentelemetry/api";
import type { Clock } from "../clock";
import type { RevisionMap, Store, Written } from "../store";

type Outcome = "ok" | "conflict" | "error";

/**
 * The store's map of this name; where an OpenTelemetry SDK was registered before, one that tells it how long each call
 * took. Without an SDK it is the store's own, and nothing is spent.
 */
export function measuredMap(store: Store, name: string, clock: Clock): RevisionMap {
  const inner = store.map(name);
  const meter = metrics.getMeter("ostinato");
  if (meter === createNoopMeter()) return inner;
  const duration = meter.createHistogram("ostinato.store.duration", {
    unit: "s",
    description: "How long calls of the store took, by operation, kind of store and outcome.",
    advice: { explicitBucketBoundaries: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5] },
  });
  // The kind alone: a place in an attribute would tell addresses, and make a series of each.
  const [kind = ""] = store.description.split(" ");
  const record = (operation: string, milliseconds: number, outcome: Outcome): void =>
    duration.record(milliseconds / 1_000, { operation, store: kind, outcome });
  const timed = async <T>(operation: string, call: () => Promise<T>, outcomeOf: (answer: T) => Outcome): Promise<T> => {
    const from = clock.monotonic();
    let outcome: Outcome = "error";
    try {
      const answer = await call();
      outcome = outcomeOf(answer);
      return answer;
    } finally {
      record(operation, clock.monotonic() - from, outcome);
    }
  };
  const read = (): Outcome => "ok";
  const written = ({ ok }: Written): Outcome => (ok ? "ok" : "conflict");
  return {
    get: (key) => timed("get", () => inner.get(key), read),
    create: (key, value) => timed("create", () => inner.create(key, value), written),
    update: (key, value, revision) => timed("update", () => inner.update(key, value, revision), written),
    delete: (key, revision) => timed("delete", () => inner.delete(key, revision), written),
    async *list(prefix) {
      // Only what the store takes, not what the reader does between two entries.
      let spent = 0;
      let outcome: Outcome = "ok";
      let from = clock.monotonic();
      try {
        for await (const entry of inner.list(prefix)) {
          spent += clock.monotonic() - from;
          yield entry;
          from = clock.monotonic();
        }
        spent += clock.monotonic() - from;
      } catch (error) {
        spent += clock.monotonic() - from;
        outcome = "error";
        throw error;
      } finally {
        record("list", spent, outcome);
      }
    },
    watch: (prefix, listener) => inner.watch(prefix, listener),
    whileAlone: (watch, key, joined) => inner.whileAlone?.(watch, key, joined),
  };
}
