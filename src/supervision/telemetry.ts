import { createNoopMeter, metrics, trace } from "@opentelemetry/api";
import type { TreeEntry } from "./outline";
import type { Report, RuntimeEvent } from "./report";
import type { RunSpans } from "./run-spans";

const scope = "ostinato";

/** Whether an SDK was registered: without one nothing is measured, and nothing is spent. */
function hasSdk(): boolean {
  // The API hands out a stand-in until an SDK has registered, and for good where none does.
  const provider = trace.getTracerProvider() as { getDelegateTracer?: (name: string) => unknown };
  const traced = provider.getDelegateTracer === undefined || provider.getDelegateTracer(scope) !== undefined;
  return traced || metrics.getMeter(scope) !== createNoopMeter();
}

/**
 * Tells OpenTelemetry of every run: a span (for assigned tasks too) and some metrics, through its API alone. The SDK, if there is to be one, must
 * have been registered before the runtime starts. Returns the function that ends it.
 */
export function observeTelemetry(report: Report, outline: () => readonly TreeEntry[], spans: RunSpans): () => void {
  if (!hasSdk()) return () => undefined;
  spans.open(trace.getTracer(scope));
  const meter = metrics.getMeter(scope);
  const runs = meter.createCounter("ostinato.runs", { description: "Runs that ended, by task and outcome." });
  const failures = meter.createCounter("ostinato.failures", { description: "Runs that failed or timed out." });
  const restarts = meter.createCounter("ostinato.restarts", { description: "Restarts by supervisors." });
  const leases = meter.createCounter("ostinato.lease.changes", {
    description: "Leases taken, and lost, by this node.",
  });
  const outages = meter.createCounter("ostinato.store.outages", {
    description: "Times that the store was out of reach.",
  });
  const duration = meter.createHistogram("ostinato.run.duration", { unit: "s", description: "How long runs took." });
  const lateness = meter.createHistogram("ostinato.run.lateness", {
    unit: "s",
    description: "From a tick to the start of its run.",
  });
  const tasks = meter.createObservableGauge("ostinato.tasks", { description: "Tasks of this node, by state." });
  const count = (result: { observe: (value: number, attributes: { state: string }) => void }): void => {
    const states = new Map<string, number>();
    for (const { kind, state } of outline()) if (kind === "task") states.set(state, (states.get(state) ?? 0) + 1);
    for (const [state, number] of states) result.observe(number, { state });
  };
  tasks.addCallback(count);

  const ended = (event: RuntimeEvent & { type: "finished" | "failed" | "aborted" }): void => {
    const { task } = event;
    const outcome = event.type === "finished" ? "succeeded" : event.outcome;
    runs.add(1, { task, outcome });
    duration.record(event.durationMs / 1_000, { task, outcome });
    if (event.type === "failed") failures.add(1, { task, outcome });
    if (outcome === "leaseLost") leases.add(1, { task, change: "lost" });
  };

  const unlisten = report.listen((event) => {
    switch (event.type) {
      case "start": {
        const { task, lateBy } = event;
        lateness.record(lateBy / 1_000, { task });
        leases.add(1, { task, change: "taken" });
        return;
      }
      case "finished":
      case "failed":
      case "aborted":
        ended(event);
        return;
      case "restarting":
        restarts.add(1, { task: event.task });
        return;
      case "offline":
        outages.add(1);
        return;
      default:
        return;
    }
  }, "quietly");
  return () => {
    unlisten();
    tasks.removeCallback(count);
    spans.close();
  };
}
