import type { Afterwards, Verdict } from "../../machines/events";
import { OstinatoError, toError } from "../errors";
import type { Due } from "../rules/due";
import { quoted } from "../validate";

/** What the rules decided; `broken`: the schedule failed, so that nothing could be decided. */
export type Decided = Due | { kind: "broken"; reason: string };

/** Calls what only the task's own schedule can make throw. */
export function decided(decide: () => Due): Decided {
  try {
    return decide();
  } catch (error) {
    return { kind: "broken", reason: `its schedule failed: ${toError(error).message}` };
  }
}

/** A decision as the statechart's event. @param lookIn elapsed milliseconds until the next look, where it cannot wait */
export function verdictOf(decision: Exclude<Decided, { kind: "run" }>, lookIn: number | undefined): Verdict {
  switch (decision.kind) {
    case "exhausted":
      return { type: "EXHAUSTED" };
    case "broken":
      return { type: "REFUSED", because: "brokenSchedule", reason: decision.reason };
    case "retryLater":
      return { type: "RETRY_DUE_LATER", retryAt: decision.at };
    case "wait":
      return { type: "NOT_DUE", nextDue: decision.until, ...(lookIn === undefined ? {} : { lookIn }) };
  }
}

/** What a task waits for once a run of it has been recorded. */
export function afterwardsOf(decision: Decided, now: number): Afterwards {
  switch (decision.kind) {
    case "exhausted":
      return { then: "finished" };
    case "broken":
      return { then: "look" };
    case "retryLater":
      return { then: "backoff", retryAt: decision.at };
    // What is due already gets its turn from a timer, so that a task that is always late leaves room for the others.
    case "run":
      return { then: "idle", nextDue: now };
    case "wait":
      return { then: "idle", nextDue: decision.until };
  }
}

/** The error of a claim that was answered too late to be trusted. */
export function lateAnswer(key: string, late: "slept" | "lapsed"): OstinatoError {
  const why = late === "slept" ? "came after a jump of the wall clock" : "took longer than its lease allows";
  return new OstinatoError("ERR_STORE_UNAVAILABLE", `the answer to the claim of ${quoted(key)} ${why}`);
}
