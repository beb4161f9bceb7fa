import type { Level, Logger } from "pino";
import type { Observable } from "rxjs";
import { isEnabled, toError } from "../foreign";
import { GuardedEvents } from "../guarded-events";
import type { Outcome } from "../task";
import type { Decision } from "./decision";
import type { MonitorLine } from "./monitor-line";
import { quoted } from "../validate";

interface About {
  /** The task's or supervisor's name. */
  task: string;
  runId?: string;
  attempt?: number;
}

/** Partitions that nobody has served for longer than two leases, or that are served again. */
export interface ServiceEvent {
  readonly type: "unserved" | "served";
  /** Where they live: the description of the store. */
  readonly store: string;
  readonly partitions: readonly number[];
  /** The worker that holds their leases; undefined where nobody does. */
  readonly owner: string | undefined;
  readonly reason: string;
  /** For how long they had not been served. */
  readonly unservedMs: number;
}

/** A bucket of the store was found to be another one, or to have lost its last writes, and records that were known to be gone. */
export interface LossEvent {
  readonly type: "lost";
  readonly store: string;
  readonly bucket: string;
  /** `recreated`: the bucket is a new one. `rolledBack`: the same bucket has lost its last writes, as a restored one has. */
  readonly how: "recreated" | "rolledBack";
  readonly what: "task records" | "leases" | "assigned tasks";
  /** How many of them were known before, and how many of those are gone. */
  readonly known: number;
  readonly lost: number;
}

/** Everything that a runtime tells: to its log, and to whoever subscribes to `runtime.events`. */
export type RuntimeEvent =
  | (About & { type: "alive"; nextRun?: Date })
  | (About & { type: "start"; scheduledAt: Date; lateBy: number; fencingToken: number })
  | (About & { type: "finished"; durationMs: number })
  | (About & { type: "failed"; outcome: Outcome; durationMs: number; err: Error; retryAt?: Date })
  | (About & { type: "aborted"; outcome: Outcome; durationMs: number; err?: Error })
  | (About & { type: "progress"; done: number; total?: number; note?: string })
  | (About & { type: "notRun"; decision: Decision })
  | (About & { type: "log"; level: string; message: string; fields?: Record<string, unknown> })
  | (About & { type: "overdue"; reason: string; dueAt: Date })
  | (About & { type: "recovered"; overdueMs: number })
  | (About & { type: "exhausted" })
  | (About & { type: "warning"; message: string; err?: Error })
  | (About & { type: "restarting"; delayMs: number; restarts: number; err?: Error })
  | (About & { type: "gaveUp"; err: Error })
  | (ServiceEvent & { queue: string })
  | (LossEvent & { queue?: string })
  | { type: "online" | "offline" | "disconnect" | "reconnect"; server?: string; err?: Error };

const levels: Record<RuntimeEvent["type"], Level> = {
  alive: "info",
  start: "info",
  finished: "info",
  recovered: "info",
  exhausted: "info",
  served: "info",
  online: "info",
  reconnect: "info",
  progress: "debug",
  notRun: "trace",
  log: "trace",
  aborted: "warn",
  warning: "warn",
  restarting: "warn",
  offline: "warn",
  disconnect: "warn",
  failed: "error",
  overdue: "error",
  unserved: "error",
  lost: "error",
  gaveUp: "error",
};

/**
 * The one place where things are told: one event, one log line, one call of each observer. It cannot throw, so that no
 * log destination and no observer can hurt the work that is reported.
 */
export class Report {
  readonly #logger: Logger;
  readonly #line: MonitorLine;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  #audience = 0;
  #hasLogFailed = false;
  readonly #failed = new WeakSet<object>();
  /** Every event from the moment of subscription. */
  readonly events: Observable<RuntimeEvent> = new GuardedEvents(
    (err) => this.#listenerFailed(err),
    (subscriber) => this.listen((event) => subscriber.next(event)),
  );

  constructor(logger: Logger, line: MonitorLine) {
    this.#logger = logger;
    this.#line = line;
  }

  tell(event: RuntimeEvent): void {
    try {
      // What a task has logged itself is not logged twice.
      if (event.type !== "log") this.#log(event);
    } catch (error) {
      this.logFailed(toError(error));
    }
    // A copy: a listener may end itself, or add another.
    if (this.#listeners.size > 0) for (const listener of [...this.#listeners]) this.#call(listener, event);
  }

  #call(listener: (event: RuntimeEvent) => void, event: RuntimeEvent): void {
    try {
      listener(event);
    } catch (error) {
      if (this.#failed.has(listener)) return;
      this.#failed.add(listener);
      this.#listenerFailed(toError(error));
    }
  }

  #listenerFailed(err: Error): void {
    try {
      this.#logger.warn({ err }, "a listener to the runtime's events threw");
    } catch (error) {
      this.logFailed(toError(error));
    }
  }

  /** A log that cannot be written must not stop the work. The first failure is told where it can be. */
  logFailed(err: Error): void {
    if (this.#hasLogFailed) return;
    this.#hasLogFailed = true;
    process.emitWarning(`the logger threw, and lines of the log may be missing: ${err.message}`, {
      type: "OstinatoWarning",
    });
    this.tell({ type: "warning", task: "", message: "the logger threw: lines of the log may be missing", err });
  }

  /** Whether anybody would hear an event of this kind: what is dear to make is made only then. */
  tells(type: RuntimeEvent["type"]): boolean {
    return this.observed || (type !== "log" && isEnabled(this.#logger, levels[type]));
  }

  /** Whether anybody listens who wants log lines and decisions too. */
  get observed(): boolean {
    return this.#audience > 0;
  }

  /** Calls `listener` for every event, but `quietly` for those alone that are made anyway; returns the function that ends it. */
  listen(listener: (event: RuntimeEvent) => void, how?: "quietly"): () => void {
    const heads = how === "quietly" ? 0 : 1;
    this.#listeners.add(listener);
    this.#audience += heads;
    return () => {
      if (this.#listeners.delete(listener)) this.#audience -= heads;
    };
  }

  #log(event: RuntimeEvent): void {
    const log = this.#logger;
    if (!isEnabled(log, levels[event.type])) return;
    switch (event.type) {
      case "alive":
        log.info({ event: "ALIVE", task: event.task, nextRun: event.nextRun }, this.#line("ALIVE", event.task));
        return;
      case "start": {
        const { task, runId, attempt, scheduledAt, lateBy, fencingToken } = event;
        log.info(
          { event: "START", task, runId, attempt, scheduledAt, lateBy, fencingToken, decision: "ranHere" },
          this.#line("START", task),
        );
        return;
      }
      case "finished": {
        const { task, runId, attempt, durationMs } = event;
        log.info({ event: "FINISHED", task, runId, attempt, durationMs }, this.#line("FINISHED", task));
        return;
      }
      case "failed": {
        const { task, runId, attempt, durationMs, err, outcome, retryAt } = event;
        const more = outcome === "timedOut" ? ", timeout exceeded!" : "";
        log.error(
          { event: "FAILED", task, runId, attempt, durationMs, outcome, err, retryAt },
          this.#line("FAILED", task, more),
        );
        return;
      }
      case "aborted": {
        const { task, runId, attempt, durationMs, err, outcome } = event;
        log.warn({ event: "ABORTED", task, runId, attempt, durationMs, outcome, err }, this.#line("ABORTED", task));
        return;
      }
      case "notRun": {
        const { task, decision } = event;
        const { reason, tick, node } = decision;
        log.trace({ task, decision: decision.decision, reason, tick, node }, `not run: ${reason}`);
        return;
      }
      case "overdue":
        log.error(
          { event: "OVERDUE", task: event.task, reason: event.reason, dueAt: event.dueAt },
          this.#line("OVERDUE", event.task, `, ${event.reason}`),
        );
        return;
      case "recovered":
        log.info(
          { event: "RECOVERED", task: event.task, overdueMs: event.overdueMs },
          this.#line("RECOVERED", event.task),
        );
        return;
      case "exhausted":
        log.info(
          { event: "EXHAUSTED", task: event.task },
          this.#line("EXHAUSTED", event.task, ", its schedule has no further run"),
        );
        return;
      case "progress":
        {
          const { task, runId, attempt, done, total, note } = event;
          log.debug({ event: "PROGRESS", task, runId, attempt, done, total, note }, "progress");
        }
        return;
      case "warning":
        log.warn({ event: "WARNING", task: event.task, runId: event.runId, err: event.err }, event.message);
        return;
      case "restarting": {
        const { task, delayMs, restarts, err } = event;
        log.warn({ event: "RESTARTING", task, delayMs, restarts, err }, this.#line("RESTARTING", task));
        return;
      }
      case "gaveUp":
        log.error({ event: "GAVE_UP", task: event.task, err: event.err }, event.err.message);
        return;
      case "unserved":
      case "served": {
        const { type, queue, store, partitions, owner, reason, unservedMs } = event;
        const about = { event: type.toUpperCase(), queue, store, partitions, owner, reason, unservedMs };
        const who = owner === undefined ? "" : ` (${owner})`;
        const count = `${String(partitions.length)} partition${partitions.length === 1 ? "" : "s"} of ${quoted(queue)}`;
        const time = `${(unservedMs / 1_000).toFixed(1)} s`;
        if (type === "unserved") log.error(about, `nobody has served ${count} for ${time}: ${reason}${who}`);
        else log.info(about, `${count} served again after ${time}`);
        return;
      }
      case "lost": {
        const { queue, store, bucket, how, what, known, lost } = event;
        const found = how === "recreated" ? "is a new one" : "has lost its last writes";
        const message = `${bucket} ${found}: ${String(lost)} of ${String(known)} known ${what} are gone`;
        log.error({ event: "LOST", queue, store, bucket, how, what, known, lost }, message);
        return;
      }
      case "log":
        return;
      default:
        log[levels[event.type]](
          { event: event.type.toUpperCase(), server: event.server, err: event.err },
          `store ${event.type}`,
        );
    }
  }
}
