/**
 * Which of the tasks that were in flight when a process died has killed it, as plain functions.
 *
 * - A record says, before its task begins, who runs it and in a group of how many. A claim whose owner is gone makes its
 *   task a **suspect**. Suspects run again in groups, with nothing else in their process: first about the square root of
 *   their number, then singly. A suspect that ends by itself, in success or failure, is cleared.
 * - Who finds a claim left behind narrows the group down from what the record says. Nothing else is shared, so that any
 *   process can go on with what the last one began, and several can try suspects of one death at once.
 * - Only a task that crashed **alone** is a culprit, and only once its attempts are used up. The crashes before that, among
 *   others, count as attempts of a culprit, and as nothing for everybody else.
 * - A claim is no crash if its process stopped in good order and said so, or is alive and has lost its lease.
 * - A group has its process to itself for a while only: one that hangs must not hold up the queue. What it outlasts is
 *   written into its records, for four times as long at the next try: a task that kills late is found as well.
 */

import { charged, withAttempt, withoutMistakes, type Suspect } from "./attempts";
import type { QueueRecord } from "./queue-record";

/** Up to here the members of a group that crashed run singly. */
const small = 10;
const growth = 4;
const longestPatience = 3_600_000;

/** Whether the task is to run in a group of suspects. `self` is the execution that asks. */
export function isSuspect({ run, suspect }: QueueRecord, self: string): boolean {
  if (suspect !== undefined) return true;
  return run !== undefined && run.left !== true && run.by !== self;
}

/** How many may run together, the suspect among them, when so many wait. */
export function groupSize({ size }: Suspect, waiting: number): number {
  const among = size ?? waiting;
  return among <= (size === undefined ? 3 : small) ? 1 : Math.ceil(Math.sqrt(among));
}

/** Those that run next: the most suspicious first, and last those that take long. */
export function nextGroup<T extends Suspect>(waiting: readonly T[], most: number): T[] {
  const rank = ({ outlasted = 0 }: Suspect): number => outlasted;
  const ranked = [...waiting].sort((a, b) => rank(a) - rank(b) || (a.size ?? Infinity) - (b.size ?? Infinity));
  const [first] = ranked;
  if (first === undefined) return [];
  const size = Math.min(most, groupSize(first, waiting.length));
  return ranked.filter((each) => rank(each) === rank(first)).slice(0, size);
}

/** For how many milliseconds the group has its process to itself. */
export function patienceFor(group: readonly Suspect[], lease: number): number {
  const outlasted = Math.max(0, ...group.map((each) => each.outlasted ?? 0));
  return Math.max(lease, Math.min(longestPatience, lease * growth ** outlasted));
}

/** Others run beside it from now on. A crash after this proves nothing against it. */
export function outlasting(record: QueueRecord): QueueRecord {
  const { suspect = {}, run } = record;
  const next: QueueRecord = { ...record, suspect: { ...suspect, outlasted: (suspect.outlasted ?? 0) + 1 } };
  if (run !== undefined) next.run = { ...run, group: 0 };
  return next;
}

export interface Evidence {
  /** The execution that judges, and when: milliseconds of the wall. */
  readonly self: string;
  readonly now: number;
  /** Retries that are allowed. */
  readonly limit: number;
  /** Whether the execution of this name runs; undefined: not known yet. */
  readonly isAlive: (by: string) => boolean | undefined;
}

export type Verdict =
  /** Nothing is held against it: it may run beside others. */
  | { readonly is: "free"; readonly record: QueueRecord }
  /** To run in a group of suspects; after a crash alone it waits for its backoff first. */
  | { readonly is: "suspect"; readonly record: QueueRecord; readonly crashedAlone: boolean }
  /** It is a culprit if a process is dead of which that is not known yet. */
  | { readonly is: "unclear" }
  | { readonly is: "culprit"; readonly record: QueueRecord };

/** What becomes of a record that is due, given the claim that was left behind in it, if one was. */
export function judge(record: QueueRecord, evidence: Evidence): Verdict {
  const { run, ...rest } = record;
  if (run === undefined) {
    return record.suspect === undefined ? { is: "free", record } : { is: "suspect", record, crashedAlone: false };
  }
  const { self, now, limit, isAlive } = evidence;
  const left = run.left === true;
  const excused = left || run.by === self || (run.by !== undefined && isAlive(run.by) === true);
  const next: QueueRecord = { ...rest };
  // A definition that came while the former one ran has not been tried itself.
  if (record.attempt > 0) {
    const outcome = left ? "aborted" : excused ? "leaseLost" : "crashed";
    const { node, group, by } = run;
    next.past = withAttempt(
      record.past,
      {
        ...{ attempt: record.attempt, outcome, node, startedAt: run.at ?? record.due, endedAt: now },
        ...(group === undefined ? {} : { group }),
        ...(by === undefined ? {} : { by }),
      },
      excused,
    );
  }
  if (excused)
    return next.suspect ? { is: "suspect", record: next, crashedAlone: false } : { is: "free", record: next };
  const known = record.suspect?.size ?? Infinity;
  const size = Math.min(known, run.group === undefined || run.group === 0 ? Infinity : run.group);
  next.suspect = { ...record.suspect, ...(size === Infinity ? {} : { size }) };
  const crashedAlone = run.group === 1;
  if (!crashedAlone || next.past === undefined) return { is: "suspect", record: next, crashedAlone };
  next.past = withoutMistakes(next.past, isAlive);
  const { alone, excused: notCounted, runs } = next.past;
  if (alone === 0 || record.attempt - notCounted <= limit) return { is: "suspect", record: next, crashedAlone };
  const isOpen = runs.some(({ outcome, by }) => outcome === "crashed" && by !== undefined && isAlive(by) === undefined);
  return isOpen ? { is: "unclear" } : { is: "culprit", record: next };
}

/** How many crashes alone its backoff counts, with the failures before them. */
export function crashesToBackOff(record: QueueRecord): number {
  return Math.max(1, charged(record));
}
