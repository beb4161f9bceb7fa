import { nextDue, type QueueRecord } from "./queue-record";

/** What one queue expects of its runs, in milliseconds. */
export interface Expectations {
  readonly timeout: number | undefined;
  /** How long a run may take that neither a timeout nor its next time limits. */
  readonly overdue: number;
}

/** After its timeout a run has so long to heed its signal. */
const graceAfterTimeout = 5_000;
const longestWindow = 300_000;

/** Until when the run is expected to have ended, in milliseconds of the wall, and what is told of it after that. */
export function expectedEnd(
  record: QueueRecord,
  startedAt: number,
  { timeout, overdue }: Expectations,
): { at: number; reason: string } {
  const next = nextDue(record, startedAt);
  const following = next === undefined ? undefined : nextDue(record, next);
  // As the window of a task's schedule: half of its period, five minutes at most.
  const window = next === undefined || following === undefined ? 0 : Math.min((following - next) / 2, longestWindow);
  const ends = [
    ...(next === undefined ? [] : [{ at: next + window, reason: "the previous run has not ended" }]),
    ...(timeout === undefined
      ? []
      : [{ at: startedAt + timeout + graceAfterTimeout, reason: "the run has not ended after its timeout" }]),
  ];
  if (ends.length === 0) return { at: startedAt + overdue, reason: "the run takes long, and has no timeout" };
  return ends.reduce((first, each) => (each.at < first.at ? each : first));
}
