import { parseSchedule, type Runtime, type TreeEntry } from "../index";

/** The runs of one task, and when it will run; times are milliseconds of the wall. */
export interface Lane {
  readonly name: string;
  readonly state: string;
  readonly schedule?: string;
  readonly runs: readonly LaneRun[];
  readonly upcoming: readonly number[];
  /** It goes on so, until the end of what was asked for: not each of its ticks is listed. */
  readonly goesOn: boolean;
}

export interface LaneRun {
  readonly runId: string;
  readonly node: string;
  readonly start: number;
  /** Undefined while it runs. */
  readonly end?: number;
  readonly scheduledAt: number;
  readonly attempt: number;
  readonly outcome: string;
  readonly error?: string;
}

const day = 86_400_000;
/** More ticks than a lane can show side by side. */
const mostTicks = 120;

export function laneOf(runtime: Runtime, entry: TreeEntry, until: number = day): Lane | undefined {
  const status = entry.task?.status();
  if (status === undefined) return undefined;
  const { schedule, running } = status;
  const runs: LaneRun[] = status.history.map((run) => ({
    runId: run.runId,
    node: run.node,
    start: run.startedAt.getTime(),
    end: run.endedAt.getTime(),
    scheduledAt: run.scheduledAt.getTime(),
    attempt: run.attempt,
    outcome: run.outcome,
    ...(run.error === undefined ? {} : { error: run.error }),
  }));
  if (running !== undefined) {
    runs.unshift({
      runId: running.runId,
      node: status.holder ?? "",
      start: running.startedAt.getTime(),
      scheduledAt: running.startedAt.getTime(),
      attempt: status.attempt,
      outcome: "running",
    });
  }
  const upcoming = status.paused ? [] : ticksAhead(schedule, status.nextRun, runtime.clock.now() + until);
  const about = { name: entry.name, state: entry.state, ...(schedule === undefined ? {} : { schedule }) };
  return { ...about, runs, upcoming, goesOn: upcoming.length === mostTicks };
}

/** The ticks from the next run on. A schedule that cannot be read back from its own text shows its next run alone. */
function ticksAhead(text: string | undefined, first: Date | undefined, end: number): number[] {
  if (first === undefined || first.getTime() > end) return [];
  const ahead = [first.getTime()];
  if (text === undefined) return ahead;
  try {
    const schedule = parseSchedule(text);
    for (let tick = schedule.next(first); tick !== undefined && tick.getTime() <= end; tick = schedule.next(tick)) {
      if (ahead.length >= mostTicks) break;
      ahead.push(tick.getTime());
    }
  } catch {
    return ahead;
  }
  return ahead;
}
