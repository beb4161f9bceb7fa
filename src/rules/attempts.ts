import type { Outcome } from "../task";

/** One attempt at a due time, as a dead letter lists it. Times are milliseconds of the wall. */
export interface Attempt {
  attempt: number;
  /** `crashed`: its process died meanwhile. */
  outcome: Outcome | "crashed";
  /** The message of its error, or the beginning of it. */
  error?: string | undefined;
  node: string;
  startedAt: number;
  /** When it ended; of one that crashed or lost its lease, when the next owner found it. */
  endedAt: number;
  /** Of one that ran under suspicion, how many ran with nothing else in their process. 1: it ran alone. */
  group?: number;
  /** Which execution of the queue ran it. */
  by?: string | undefined;
}

/** What a record remembers of the attempts at its present due time. */
export interface Past {
  /** The last of them, the oldest first. */
  runs: Attempt[];
  /** How many crashed while others ran too: the task is not charged for these. */
  joint: number;
  /** How many crashed while it ran alone. */
  alone: number;
  /** How many lost their lease, or were given up by a process that stopped: nobody is charged for these. */
  excused: number;
}

export const attemptsKept = 20;
const longestError = 500;

const none: Past = { runs: [], joint: 0, alone: 0, excused: 0 };

/** The past with one more attempt in it. What crashed and what was excused is counted. */
export function withAttempt(past: Past | undefined, run: Attempt, excused = false): Past {
  const { runs, ...counts } = past ?? none;
  if (excused) counts.excused += 1;
  else if (run.outcome === "crashed") counts[run.group === 1 ? "alone" : "joint"] += 1;
  const kept = run.error === undefined ? run : { ...run, error: beginningOf(run.error, longestError) };
  return { runs: [...runs, kept].slice(-attemptsKept), ...counts };
}

/** Attempts by processes that turned out to be alive are no crashes: they lost their lease. */
export function withoutMistakes(past: Past, isAlive: (by: string) => boolean | undefined): Past {
  const { runs, ...counts } = past;
  const corrected = runs.map((run): Attempt => {
    if (run.outcome !== "crashed" || run.by === undefined || isAlive(run.by) !== true) return run;
    counts[run.group === 1 ? "alone" : "joint"] -= 1;
    counts.excused += 1;
    return { ...run, outcome: "leaseLost" };
  });
  return { runs: corrected, ...counts };
}

/** How many of the attempts count against the limit of retries: those that failed, and those that crashed alone. */
export function charged({ attempt, past }: { attempt: number; past?: Past }): number {
  return attempt - (past?.joint ?? 0) - (past?.excused ?? 0);
}

/** At most so many characters, and no half of one. */
export function beginningOf(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** What a record says of a task that may have killed a process. */
export interface Suspect {
  /** The smallest group that it was in when a process died; absent: none yet, it was merely in flight. */
  size?: number;
  /** How often its group outlasted the time that it had its process to itself. */
  outlasted?: number;
}
