import type { Outcome } from "../task";
import { areRows, type TickRow } from "./claimed-ticks";

/** A run as the record keeps it: {@link RunSummary} with times in milliseconds. */
export interface StoredRun {
  runId: string;
  node: string;
  scheduledAt: number;
  startedAt: number;
  endedAt: number;
  attempt: number;
  outcome: Outcome;
  error?: string;
}

/**
 * What the store keeps of an exclusive task: its lease and its status in one value, so that claiming a tick, or
 * recording how it went, is one conditional write.
 */
export interface TaskRecord {
  format: typeof recordFormat;
  version: typeof recordVersion;
  /** Who runs it, or "" when nobody does. */
  holder: string;
  /** The holder's lease in milliseconds. */
  lease: number;
  /** Counts the holder's renewals, so that an unanswered one can be recognised. */
  renewals: number;
  /** The run that the holder makes; names the claim. */
  runId: string;
  /** The last nominal tick that was claimed (milliseconds of the wall), or null before the first. */
  tick: number | null;
  /** When the task was first seen: what schedules count from before the first tick. */
  since: number;
  /** `open`: the tick is to be run (again) at once; `retry`: at `retryAt`; `done`: it is dealt with. */
  state: "running" | "open" | "retry" | "done";
  /** Attempts made at this tick. */
  attempt: number;
  retryAt?: number | undefined;
  /** Which of the missed ticks this is, under misfire "all". */
  catchUp?: { index: number; of: number } | undefined;
  /** When the run in progress, or the last one, began. */
  startedAt?: number;
  lastSuccess?: number;
  lastFailure?: number;
  lastError?: string;
  /** Failures since the last success. */
  failures: number;
  previousRun?: StoredRun;
  /** The last runs, as `rules/history` writes them. */
  history?: string;
  /** No node begins a run, but by hand. */
  paused?: boolean;
  /** The schedule that due times are computed by: its text and its zone. Absent in records of older versions. */
  schedule?: string;
  /** When that schedule replaced another: its ticks before then were not missed. */
  scheduleSince?: number;
  /** Another schedule by which a node runs the task at the same time. */
  rival?: string | undefined;
  /** Ticks that were claimed, as `rules/claimed-ticks` keeps them. */
  rows?: readonly TickRow[];
  /** The node that last found the record ahead of its clock and had it count by that, and what its clock showed. */
  rebased?: { node: string; at: number };
}

export const recordFormat = "ostinato-task";
export const recordVersion = 1;

/** A task nobody has run yet. */
export function freshRecord(since: number): TaskRecord {
  return {
    format: recordFormat,
    version: recordVersion,
    holder: "",
    lease: 0,
    renewals: 0,
    runId: "",
    tick: null,
    since,
    state: "done",
    attempt: 0,
    failures: 0,
  };
}

/** What a stored value turned out to be. A record that is not ours, or corrupt, counts as none (`N6`). */
export type ReadRecord = { kind: "none" } | { kind: "newer"; version: number } | { kind: "record"; record: TaskRecord };

export function readRecord(value: string | undefined): ReadRecord {
  if (value === undefined || value === "") return { kind: "none" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return { kind: "none" };
  }
  if (typeof parsed !== "object" || parsed === null) return { kind: "none" };
  const record = parsed as Partial<TaskRecord> & { version?: unknown; format?: unknown };
  if (record.format !== recordFormat || typeof record.version !== "number") return { kind: "none" };
  if (record.version > recordVersion) return { kind: "newer", version: record.version };
  return record.version === recordVersion && intact(record) ? { kind: "record", record } : { kind: "none" };
}

function intact(record: Partial<TaskRecord>): record is TaskRecord {
  const numbers = [record.lease, record.renewals, record.since, record.attempt, record.failures];
  return (
    numbers.every((n) => typeof n === "number" && Number.isFinite(n)) &&
    typeof record.holder === "string" &&
    typeof record.runId === "string" &&
    (record.rows === undefined || areRows(record.rows)) &&
    (record.tick === null || (typeof record.tick === "number" && Number.isFinite(record.tick))) &&
    (record.state === "running" ||
      record.state === "open" ||
      record.state === "done" ||
      (record.state === "retry" && typeof record.retryAt === "number"))
  );
}
