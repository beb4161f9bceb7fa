import type { Runtime } from "../index";
import { storeLatency } from "./metrics";
import type { Observations } from "./observations";
import { ownership } from "./queues";

const mostHeld = 200;

/** The nodes, what each of them runs, and the store between them. */
export async function clusterView(runtime: Runtime, observations: Observations): Promise<Record<string, unknown>> {
  const [latency] = await storeLatency(runtime);
  return {
    now: runtime.clock.now(),
    store: {
      description: runtime.store.description,
      shared: runtime.store.shared ?? false,
      up: observations.storeUp,
      latencyMs: latency === undefined ? null : latency[1] * 1_000,
    },
    nodes: runtime.nodes().map((node) => ({
      ...node,
      startedAt: node.startedAt.getTime(),
      holds: node.holds.slice(0, mostHeld),
      holdsTotal: node.holds.length,
    })),
    queues: runtime.queues().map((queue) => ownership(runtime, queue)),
    warnings: observations.warnings,
  };
}
