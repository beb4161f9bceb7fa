import { guardSignal, textOf } from "../foreign";
import type { StoredRun, TaskRecord } from "../rules/task-record";
import { overheard } from "./overheard";
import { bindClock, type RunSummary, type TaskContext } from "../task";
import type { Host } from "./host";
import type { RunSpan } from "./run-spans";

/** The last progress that a run told. */
export interface Progress {
  done: number;
  total?: number;
  note?: string;
}

/** What of a record a run's context is made from. */
export type RunRecord = Pick<TaskRecord, "attempt" | "runId"> &
  Partial<Pick<TaskRecord, "tick" | "startedAt" | "catchUp" | "previousRun">>;

/** What a run is lent, made only when it asks: most runs never look at their signal, their logger or the run before. */
interface Lent {
  readonly host: Host;
  readonly name: string;
  readonly record: RunRecord;
  controller: AbortController | undefined;
  reason: Error | undefined;
  logger: TaskContext["logger"] | undefined;
}

const lent = Symbol("ostinato.lent");

/** A run's context and, behind it, what it is lent. */
export type RunContext = TaskContext & { readonly [lent]: Lent };

/** One getter for all contexts, their own property in each: a copy made by spreading has it too, and it costs no closure. */
function onDemand(make: (from: Lent) => unknown): PropertyDescriptor {
  return {
    enumerable: true,
    configurable: true,
    get(this: RunContext) {
      return make(this[lent]);
    },
  };
}

const signal = onDemand((from) => {
  if (from.controller === undefined) {
    from.controller = new AbortController();
    guardSignal(from.controller.signal, tellOnce(from, "a listener to the signal of a run threw"));
    if (from.reason !== undefined) from.controller.abort(from.reason);
  }
  return from.controller.signal;
});
const logger = onDemand((from) => {
  const { runId, attempt } = from.record;
  const { report, logger: parent } = from.host;
  if (from.logger === undefined) {
    const own = parent.child({ task: from.name, runId, attempt });
    from.logger = report.observed ? overheard(own, { task: from.name, runId, attempt }, report) : own;
  }
  return from.logger;
});
const previousRun = onDemand(({ record }) => record.previousRun && summarize(record.previousRun));

const isFigure = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

/** Reports the first error of many. */
function tellOnce({ host, name, record }: Lent, message: string): (err: Error) => void {
  let told = false;
  return (err) => {
    if (told) return;
    told = true;
    host.report.tell({ type: "warning", task: name, runId: record.runId, message, err });
  };
}

/** What a run is given. */
export function contextFor(
  host: Host,
  name: string,
  record: RunRecord,
  token: number,
  onProgress: (progress: Progress) => void,
): RunContext {
  const scheduledAt = new Date(record.tick ?? 0);
  const context = {
    name,
    attempt: record.attempt,
    scheduledAt,
    lateBy: Math.max(0, (record.startedAt ?? 0) - scheduledAt.getTime()),
    fencingToken: token,
    progress(done: number, total?: number, note?: string) {
      onProgress({
        done: isFigure(done) ? done : 0,
        ...(isFigure(total) ? { total } : {}),
        ...(note === undefined ? {} : { note: textOf(note) }),
      });
    },
    [lent]: { host, name, record, controller: undefined, reason: undefined, logger: undefined },
  } as unknown as RunContext;
  Object.defineProperty(context, "signal", signal);
  Object.defineProperty(context, "logger", logger);
  if (record.catchUp !== undefined) context.catchUp = record.catchUp;
  if (record.previousRun !== undefined) Object.defineProperty(context, "previousRun", previousRun);
  return bindClock(context, host.clock);
}

/** Aborts the run's signal; the first reason is kept. */
export function abortContext(context: RunContext, reason: Error): void {
  const from = context[lent];
  if (from.reason !== undefined) return;
  from.reason = reason;
  from.controller?.abort(reason);
}

/** Why the run was aborted, if it was. */
export function abortReason(context: RunContext): Error | undefined {
  return context[lent].reason;
}

/** Begins the run's span; undefined where nobody traces. */
export function spanFor(context: RunContext): RunSpan | undefined {
  const { host, record } = context[lent];
  return host.spans.begin(context, record.runId);
}

/** A stored run as people read it. */
export function summarize(run: StoredRun): RunSummary {
  const { scheduledAt, startedAt, endedAt, ...rest } = run;
  return {
    ...rest,
    scheduledAt: new Date(scheduledAt),
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
  };
}
