import type { Runtime, TimerId } from "../index";
import type { Histogram, Observations } from "./observations";
import { queueFamilies } from "./queue-metrics";
import { stateOf } from "./trace";

/** Tasks with series of their own; beyond that, only sums are told, so that a scrape stays small. */
const mostTasks = 1_000;

const escape = (text: string): string => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");

class Page {
  readonly #lines: string[] = [];

  family(
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: Iterable<[Record<string, string>, number]>,
  ): void {
    const lines = [...samples].map(([labels, value]) => {
      const inner = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
      return `${name}${inner.length === 0 ? "" : `{${inner.join(",")}}`} ${String(value)}`;
    });
    if (lines.length > 0) this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines);
  }

  histogram(name: string, help: string, { bounds, counts, sum, count }: Histogram): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
    let total = 0;
    bounds.forEach((bound, index) => {
      total += counts[index] ?? 0;
      this.#lines.push(`${name}_bucket{le="${String(bound)}"} ${String(total)}`);
    });
    this.#lines.push(
      `${name}_bucket{le="+Inf"} ${String(count)}`,
      `${name}_sum ${String(sum)}`,
      `${name}_count ${String(count)}`,
    );
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/** The metrics of one process, as Prometheus reads them. */
export async function metricsText(runtime: Runtime, observations: Observations): Promise<string> {
  const page = new Page();
  const { outcomes, lateness, duration, restarted, leasesLost, storeUp } = observations;
  const states = new Map<string, number>();
  const overdue: string[] = [];
  const tasks: { name: string; success?: number; failures: number; next?: number }[] = [];
  let count = 0;
  for (const entry of runtime.outline()) {
    if (entry.kind !== "task") continue;
    count += 1;
    states.set(entry.state, (states.get(entry.state) ?? 0) + 1);
    if (entry.overdue) overdue.push(entry.name);
    if (tasks.length >= mostTasks) continue;
    const status = entry.task?.status();
    tasks.push({
      name: entry.name,
      failures: entry.failures,
      ...(status?.lastSuccess === undefined ? {} : { success: status.lastSuccess.getTime() / 1_000 }),
      ...(status?.nextRun === undefined ? {} : { next: status.nextRun.getTime() / 1_000 }),
    });
  }
  const one = (value: number): [Record<string, string>, number][] => [[{}, value]];
  page.family("ostinato_info", "gauge", "The node behind these numbers.", [
    [{ node: runtime.nodeId, store: runtime.store.description }, 1],
  ]);
  page.family(
    "ostinato_up",
    "gauge",
    "1 while the runtime runs.",
    one(Number(stateOf(runtime.actor.getSnapshot()) === "running")),
  );
  page.family(
    "ostinato_tasks",
    "gauge",
    "Tasks of this node, by state.",
    [...states].map(([state, n]) => [{ state }, n]),
  );
  page.family("ostinato_tasks_total", "gauge", "Tasks of this node.", one(count));
  page.family(
    "ostinato_tasks_overdue",
    "gauge",
    "Tasks whose run did not begin within its window.",
    one(overdue.length),
  );
  page.family(
    "ostinato_runs_total",
    "counter",
    "Runs that ended on this node, by outcome.",
    Object.entries(outcomes).map(([outcome, n]) => [{ outcome }, n]),
  );
  page.histogram("ostinato_run_duration_seconds", "How long runs took.", duration);
  page.histogram("ostinato_run_lateness_seconds", "From the tick to the start of its run.", lateness);
  page.family("ostinato_restarts_total", "counter", "Restarts by supervisors.", one(restarted));
  page.family("ostinato_leases_lost_total", "counter", "Runs whose lease was lost.", one(leasesLost));
  page.family("ostinato_nodes", "gauge", "Live nodes on the same store.", one(runtime.nodes().length));
  page.family("ostinato_store_up", "gauge", "0 during an outage of the store.", one(Number(storeUp)));
  page.family(
    "ostinato_store_latency_seconds",
    "gauge",
    "How long one read took just now.",
    await storeLatency(runtime),
  );
  page.family(
    "ostinato_task_failures",
    "gauge",
    "Failures since the last success.",
    tasks.map((task) => [{ task: task.name }, task.failures]),
  );
  page.family(
    "ostinato_task_last_success_timestamp_seconds",
    "gauge",
    "When a task last succeeded, on any node.",
    tasks.flatMap((task) =>
      task.success === undefined ? [] : [[{ task: task.name }, task.success] as [Record<string, string>, number]],
    ),
  );
  page.family(
    "ostinato_task_next_run_timestamp_seconds",
    "gauge",
    "When a task runs next.",
    tasks.flatMap((task) =>
      task.next === undefined ? [] : [[{ task: task.name }, task.next] as [Record<string, string>, number]],
    ),
  );
  page.family(
    "ostinato_task_overdue",
    "gauge",
    "1 for each task that is overdue.",
    overdue.slice(0, mostTasks).map((task) => [{ task }, 1]),
  );
  for (const { name, type, help, samples } of queueFamilies(runtime.queues())) page.family(name, type, help, samples);
  return page.toString();
}

/** In seconds; none when the store does not answer at once. */
export async function storeLatency(runtime: Runtime): Promise<[Record<string, string>, number][]> {
  const { clock, store } = runtime;
  const from = clock.monotonic();
  let late: TimerId;
  const patience = new Promise<boolean>((resolve) => {
    late = clock.setTimeout(() => resolve(false), 2_000);
  });
  const answer = store
    .map("leases")
    .get("inspector.latency")
    .then(
      () => true,
      () => false,
    );
  const answered = await Promise.race([answer, patience]);
  clock.clearTimeout(late);
  return answered ? [[{}, (clock.monotonic() - from) / 1_000]] : [];
}

/** Which tasks should be alive or on time, and are not. Anybody may ask: no word of an error, which may hold secrets. */
export function unhealthy(runtime: Runtime): { name: string; reason: string }[] {
  const found: { name: string; reason: string }[] = [];
  for (const entry of runtime.outline()) {
    if (entry.kind === "supervisor") {
      if (entry.state === "failed") found.push({ name: entry.name, reason: "it gave up" });
      continue;
    }
    if (entry.overdue) {
      found.push({ name: entry.name, reason: `overdue: ${entry.task?.status().overdue?.reason ?? "late"}` });
    } else if (entry.state === "backoff") {
      const status = entry.task?.status();
      // What has a schedule is tried again by its rule; what should always be alive is not while it waits.
      if (status !== undefined && status.schedule === undefined) {
        found.push({
          name: entry.name,
          reason: `not alive: attempt ${String(status.attempt)} ended, and the next one waits`,
        });
      }
    }
  }
  const root = stateOf(runtime.actor.getSnapshot());
  if (root !== "running" && found.length === 0) found.push({ name: "root", reason: `the runtime is ${root}` });
  return found;
}
