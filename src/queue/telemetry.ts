import { createNoopMeter, metrics, type BatchObservableCallback } from "@opentelemetry/api";
import type { Queue } from "./queue-api";

const scope = "ostinato";

/**
 * Tells OpenTelemetry of the queues that execute here, whenever it collects: nothing is spent between, and nothing at
 * all where no SDK was registered before the runtime started. Returns the function that ends it.
 */
export function observeQueues(queues: () => readonly Queue[]): () => void {
  const meter = metrics.getMeter(scope);
  if (meter === createNoopMeter()) return () => undefined;
  const depth = meter.createObservableGauge("ostinato.queue.depth", {
    description: "Assigned tasks in the partitions owned here, by state: waiting for their time, due, or running.",
  });
  const runs = meter.createObservableCounter("ostinato.queue.runs", {
    description: "Runs of assigned tasks that ended on this node, by outcome.",
  });
  const deadLetters = meter.createObservableCounter("ostinato.queue.dead_letters", {
    description: "Assigned tasks that this node gave up.",
  });
  const lateness = meter.createObservableGauge("ostinato.queue.lateness", {
    unit: "s",
    description: "From the due time to the start, by quantile, over the last runs on this node.",
  });
  const partitions = meter.createObservableGauge("ostinato.queue.partitions", {
    description: "Partitions that this node owns.",
  });
  const unserved = meter.createObservableGauge("ostinato.queue.partitions.unserved", {
    description:
      "Partitions, whoever owns them, that nobody has served for longer than two leases, as this node sees it.",
  });
  const all = [depth, runs, deadLetters, lateness, partitions, unserved];
  const observe: BatchObservableCallback = (result) => {
    for (const { name: queue, stats } of queues().map((each) => ({ name: each.name, stats: each.stats() }))) {
      if (stats === undefined) continue;
      for (const state of ["waiting", "due", "running"] as const) result.observe(depth, stats[state], { queue, state });
      for (const outcome of ["succeeded", "failed", "aborted"] as const) {
        result.observe(runs, stats[outcome], { queue, outcome });
      }
      result.observe(deadLetters, stats.deadLetters, { queue });
      result.observe(partitions, stats.owned, { queue });
      result.observe(unserved, stats.unserved, { queue });
      if (stats.lateness === undefined) continue;
      for (const quantile of ["p50", "p95", "p99"] as const) {
        result.observe(lateness, stats.lateness[quantile] / 1_000, { queue, quantile });
      }
    }
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
