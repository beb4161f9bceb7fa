import type { TaskContext, RunSummary } from "../task";
import type { StoredRun, TaskRecord } from "../rules/task-record";
import { bindClock } from "../tasks/context";
import type { Host } from "./host";

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

/** The last progress that a run told. */
export interface Progress {
  done: number;
  total?: number;
  note?: string;
}

/** What a run is given, but for its signal. Loggers are made when they are first asked for: most runs never do. */
export function contextFor(
  host: Host,
  name: string,
  record: TaskRecord,
  token: number,
  onProgress: (progress: Progress) => void,
): Omit<TaskContext, "signal"> {
  const scheduledAt = new Date(record.tick ?? 0);
  const { runId, attempt } = record;
  let logger: TaskContext["logger"] | undefined;
  const context: Omit<TaskContext, "signal"> = {
    name,
    attempt,
    scheduledAt,
    lateBy: Math.max(0, (record.startedAt ?? 0) - scheduledAt.getTime()),
    fencingToken: token,
    get logger() {
      return (logger ??= host.logger.child({ task: name, runId, attempt }));
    },
    progress(done, total, note) {
      onProgress({ done, ...(total === undefined ? {} : { total }), ...(note === undefined ? {} : { note }) });
    },
  };
  if (record.catchUp !== undefined) context.catchUp = record.catchUp;
  if (record.previousRun !== undefined) context.previousRun = summarize(record.previousRun);
  bindClock(context, host.clock);
  return context;
}
