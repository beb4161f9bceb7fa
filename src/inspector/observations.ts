import type { Outcome, Runtime, RuntimeEvent } from "../index";

/** Counts by upper bounds in seconds, as Prometheus has them. */
export class Histogram {
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  add(seconds: number): void {
    this.sum += seconds;
    this.count += 1;
    const { bounds, counts } = this;
    for (let bucket = 0; bucket < bounds.length; bucket++) {
      if (seconds > (bounds[bucket] as number)) continue;
      counts[bucket] = (counts[bucket] as number) + 1;
      return;
    }
  }
}

/** A line of a run's log, or of its progress. */
export interface LogLine {
  readonly at: number;
  readonly level: string;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export interface RunLog {
  readonly task: string;
  readonly runId: string;
  readonly lines: LogLine[];
  dropped: number;
  progress?: { done: number; total?: number; note?: string };
}

const runsKept = 300;
const linesKept = 200;
/** Restarts are counted by name; from so many names on, those of children that are gone are forgotten. */
const namesKept = 1_000;
const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600];

/**
 * What an inspector remembers of what the runtime told, whether or not anybody looks: counts, and the lines of the last
 * runs that logged something. A run that logs nothing costs a few additions.
 */
export class Observations {
  readonly outcomes: Record<Outcome, number> = {
    succeeded: 0,
    failed: 0,
    timedOut: 0,
    aborted: 0,
    leaseLost: 0,
    discarded: 0,
  };
  readonly lateness = new Histogram(seconds);
  readonly duration = new Histogram(seconds);
  readonly restarts = new Map<string, number>();
  readonly warnings: { at: number; task: string; message: string }[] = [];
  runs = 0;
  restarted = 0;
  leasesLost = 0;
  storeUp = true;
  readonly #runtime: Runtime;
  readonly #clock: Runtime["clock"];
  #forgetGoneAt = namesKept;
  readonly #logs = new Map<string, RunLog>();
  readonly #subscription: { unsubscribe(): void };

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#clock = runtime.clock;
    this.#subscription = runtime.events.subscribe((event) => this.#take(event));
  }

  /** The lines of one run, if it logged any. */
  logOf(runId: string): RunLog | undefined {
    return this.#logs.get(runId);
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#logs.clear();
  }

  #take(event: RuntimeEvent): void {
    switch (event.type) {
      case "start":
        this.runs += 1;
        this.lateness.add(event.lateBy / 1_000);
        return;
      case "finished":
        this.#ended("succeeded", event.durationMs);
        return;
      case "failed":
      case "aborted":
        this.#ended(event.outcome, event.durationMs);
        if (event.outcome === "leaseLost") this.leasesLost += 1;
        return;
      case "restarting":
        this.restarted += 1;
        this.restarts.set(event.task, (this.restarts.get(event.task) ?? 0) + 1);
        if (this.restarts.size >= this.#forgetGoneAt) this.#forgetGone();
        return;
      case "log":
        this.#line(event.task, event.runId, event.level, event.message, event.fields);
        return;
      case "progress": {
        const { task, runId, done, total, note } = event;
        const log = this.#log(task, runId);
        if (log !== undefined) {
          log.progress = { done, ...(total === undefined ? {} : { total }), ...(note === undefined ? {} : { note }) };
        }
        return;
      }
      case "offline":
        this.storeUp = false;
        return;
      case "online":
        this.storeUp = true;
        return;
      case "warning":
        this.warnings.unshift({ at: this.#clock.now(), task: event.task, message: event.message });
        this.warnings.length = Math.min(this.warnings.length, 50);
        return;
      default:
        return;
    }
  }

  #forgetGone(): void {
    const names = new Set(this.#runtime.outline().map(({ name }) => name));
    for (const name of this.restarts.keys()) if (!names.has(name)) this.restarts.delete(name);
    this.#forgetGoneAt = Math.max(namesKept, 2 * this.restarts.size);
  }

  #ended(outcome: Outcome, durationMs: number): void {
    this.outcomes[outcome] += 1;
    this.duration.add(durationMs / 1_000);
  }

  #line(
    task: string,
    runId: string | undefined,
    level: string,
    message: string,
    fields?: Record<string, unknown>,
  ): void {
    const log = this.#log(task, runId);
    if (log === undefined) return;
    if (log.lines.length >= linesKept) {
      log.lines.splice(0, 20);
      log.dropped += 20;
    }
    log.lines.push({ at: this.#clock.now(), level, message, ...(fields === undefined ? {} : { fields }) });
  }

  #log(task: string, runId: string | undefined): RunLog | undefined {
    if (runId === undefined) return undefined;
    const known = this.#logs.get(runId);
    if (known !== undefined) return known;
    const log: RunLog = { task, runId, lines: [], dropped: 0 };
    this.#logs.set(runId, log);
    if (this.#logs.size > runsKept) {
      const [oldest] = this.#logs.keys();
      if (oldest !== undefined) this.#logs.delete(oldest);
    }
    return log;
  }
}
