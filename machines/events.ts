import type { Outcome } from "../src/task";

/** Why a task is not running although it exists, as `checking` found it. */
export type Verdict =
  | { type: "NOT_DUE"; nextDue: number; lookIn?: number }
  | { type: "HELD"; holder: string; retryIn: number }
  | { type: "RETRY_DUE_LATER"; retryAt: number }
  | { type: "UNREACHABLE" }
  | { type: "REFUSED"; reason: string; because?: "brokenSchedule" }
  | { type: "PAUSED" }
  | { type: "EXHAUSTED" }
  | { type: "CLAIMED"; tick: number; attempt: number; fencingToken: number; runId: string };

/** What becomes of a task once the end of a run has been recorded. */
export type Afterwards =
  { then: "idle"; nextDue: number } | { then: "look" } | { then: "backoff"; retryAt: number } | { then: "finished" };

/** A run has ended, and its end is written down. */
export type Recorded = Afterwards & { type: "RECORDED"; outcome: Outcome; error?: string | undefined };

/** All that a task's statechart understands. */
export type TaskEvent =
  | { type: "START" }
  | { type: "TICK" }
  | { type: "CHANGED" }
  | { type: "TRIGGER" }
  | { type: "PAUSE" }
  | { type: "RESUME" }
  | { type: "AWAIT_RESTART"; retryAt: number }
  | { type: "STOP" }
  | { type: "TIMED_OUT" }
  | { type: "LEASE_LOST" }
  | Verdict
  | Recorded;

/** How a child ended: by itself, by failing, because its schedule has no further run, or because it was told to. */
export type ChildExit = "success" | "failure" | "finished" | "stopped";

/** All that a supervisor's statechart (and the root's) understands. */
export type SupervisorEvent =
  | { type: "START" }
  | { type: "CHILDREN_STARTED" }
  | { type: "CHILD_EXITED"; child: string; how: ChildExit; error?: unknown }
  | { type: "RESTARTING" }
  | { type: "RESTARTED" }
  | { type: "GIVE_UP"; error: unknown }
  | { type: "AUTO_SHUTDOWN" }
  | { type: "STOP" }
  | { type: "CHILDREN_STOPPED" };
