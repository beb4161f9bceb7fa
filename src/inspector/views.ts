import type { AnyActorRef } from "xstate";
import type { Runtime, TaskStatus, TreeEntry } from "../index";
import type { Observations } from "./observations";
import type { ParsedInspectorOptions } from "./options";
import { queueActor } from "./queue-actors";
import type { QueueViews } from "./queues";
import { stateOf, type Trace } from "./trace";

/** One line of the tree, as the page shows it; times are milliseconds of the wall. */
export interface Row {
  readonly name: string;
  readonly kind: "task" | "supervisor";
  readonly depth: number;
  readonly state: string;
  readonly because?: string;
  readonly schedule?: string;
  readonly next?: number;
  readonly last?: { outcome: string; endedAt: number; durationMs: number; node: string; error?: string };
  readonly lateBy?: number;
  readonly failures: number;
  readonly restarts: number;
  readonly attempt: number;
  readonly runningSince?: number;
  readonly progress?: { done: number; total?: number; note?: string };
  readonly holder?: string;
  readonly overdue?: string;
  readonly strategy?: string;
}

/** Which rows a page wants. */
export interface Selection {
  readonly query: string;
  /** "" for all, or the name of one of {@link filters}. */
  readonly filter: string;
}

const isRunning = (entry: TreeEntry): boolean => entry.kind === "task" && entry.state === "running";
const isFailing = (entry: TreeEntry): boolean =>
  entry.failures > 0 || entry.state === "backoff" || entry.state === "failed";

/** By names that pages send: a name that is none of these selects everything. */
const filters: ReadonlyMap<string, (entry: TreeEntry) => boolean> = new Map([
  ["running", isRunning],
  ["failing", isFailing],
  ["overdue", (entry) => entry.overdue],
  ["paused", (entry) => entry.paused],
]);

/** What a page shows, read from the runtime at the moment it is asked for: nothing is kept for it. */
export class Views {
  constructor(
    readonly runtime: Runtime,
    readonly observations: Observations,
    readonly options: ParsedInspectorOptions,
    readonly queues: QueueViews,
  ) {}

  select({ query, filter }: Selection, entries: TreeEntry[] = this.runtime.outline()): TreeEntry[] {
    const wanted = filters.get(filter);
    const text = query.trim().toLowerCase();
    if (wanted === undefined && text === "") return entries;
    return entries.filter(
      (entry) => (wanted === undefined || wanted(entry)) && (text === "" || entry.name.toLowerCase().includes(text)),
    );
  }

  summary(entries: TreeEntry[] = this.runtime.outline()): Record<string, unknown> {
    const states = new Map<string, number>();
    const counts = { tasks: 0, supervisors: 0, failing: 0, overdue: 0, paused: 0, running: 0 };
    for (const entry of entries) {
      if (entry.kind === "supervisor") {
        counts.supervisors += 1;
        continue;
      }
      counts.tasks += 1;
      states.set(entry.state, (states.get(entry.state) ?? 0) + 1);
      if (isRunning(entry)) counts.running += 1;
      if (isFailing(entry)) counts.failing += 1;
      if (entry.overdue) counts.overdue += 1;
      if (entry.paused) counts.paused += 1;
    }
    const { runs, storeUp } = this.observations;
    return {
      ...counts,
      states: Object.fromEntries(states),
      runs,
      storeUp,
      root: stateOf(this.runtime.actor.getSnapshot()),
    };
  }

  row(entry: TreeEntry): Row {
    const { name, kind, depth, state } = entry;
    const base = {
      name,
      kind,
      depth,
      state,
      failures: 0,
      attempt: 0,
      restarts: this.observations.restarts.get(name) ?? 0,
    };
    const context = this.#actor(name) === undefined ? {} : this.#context(name);
    if (entry.task === undefined) return { ...base, strategy: context["strategy"] as string };
    return { ...base, ...taskFields(entry.task.status(), context["because"]) };
  }

  /** Everything about one actor. */
  detail(name: string, trace: Trace | undefined): Record<string, unknown> | undefined {
    const actor = this.#actor(name);
    if (actor === undefined) return undefined;
    const status = this.runtime.get(name)?.status();
    const log = status?.running === undefined ? undefined : this.observations.logOf(status.running.runId);
    const ofQueue = status === undefined ? queueActor(this.runtime, name) : undefined;
    return {
      name,
      kind: status === undefined ? "supervisor" : "task",
      ...ofQueue,
      state: stateOf(actor.getSnapshot()),
      context: this.options.redact(this.#context(name), { task: name, what: "context" }),
      status,
      restarts: this.observations.restarts.get(name) ?? 0,
      steps: trace?.steps ?? [],
      running: status?.running && { ...status.running, log: log && this.#shown(log) },
    };
  }

  /** The log of a run, values of user code redacted. */
  runLog(runId: string): Record<string, unknown> | undefined {
    const log = this.observations.logOf(runId);
    return log && this.#shown(log);
  }

  #shown(log: NonNullable<ReturnType<Observations["logOf"]>>): Record<string, unknown> {
    const { redact } = this.options;
    const about = { task: log.task, what: "log" } as const;
    const lines = log.lines.map((line) =>
      line.fields === undefined ? line : { ...line, fields: redact(line.fields, about) },
    );
    return { ...log, lines };
  }

  #actor(name: string): AnyActorRef | undefined {
    return this.runtime.actor.system.get(name) as AnyActorRef | undefined;
  }

  #context(name: string): Record<string, unknown> {
    const snapshot = this.#actor(name)?.getSnapshot() as { context?: Record<string, unknown> } | undefined;
    return snapshot?.context ?? {};
  }
}

function taskFields(status: TaskStatus, because: unknown): Partial<Row> {
  const { schedule, nextRun, lastRun, failures, attempt, running, holder, overdue, paused } = status;
  return {
    failures,
    attempt,
    because: paused ? "paused" : (because as string),
    ...(schedule === undefined ? {} : { schedule }),
    ...(nextRun === undefined || paused ? {} : { next: nextRun.getTime() }),
    ...(holder === undefined ? {} : { holder }),
    ...(overdue === undefined ? {} : { overdue: overdue.reason }),
    ...(running === undefined ? {} : { runningSince: running.startedAt.getTime() }),
    ...(running?.progress === undefined ? {} : { progress: running.progress }),
    ...(lastRun === undefined
      ? {}
      : {
          // A retry is as late as it was put off: that is told by its attempt.
          ...(lastRun.attempt > 1
            ? {}
            : { lateBy: Math.max(0, lastRun.startedAt.getTime() - lastRun.scheduledAt.getTime()) }),
          last: {
            outcome: lastRun.outcome,
            endedAt: lastRun.endedAt.getTime(),
            durationMs: lastRun.endedAt.getTime() - lastRun.startedAt.getTime(),
            node: lastRun.node,
            ...(lastRun.error === undefined ? {} : { error: lastRun.error }),
          },
        }),
  };
}
