/** What was decided about a task at one moment, and why; dates are the wall's. */
export interface Decision {
  /** When it was decided; the last time, if it was decided again and again. */
  at: Date;
  decision: DecisionKind;
  /** In words. */
  reason: string;
  /** The tick in question, or the next one. */
  tick?: Date;
  /** The node that runs it, or ran it. */
  node?: string;
  /** How many times in a row it was decided. */
  times: number;
}

export type DecisionKind =
  | "ranHere"
  | "ranElsewhere"
  | "heldElsewhere"
  | "notDue"
  | "missed"
  | "waitsForRetry"
  | "paused"
  | "storeUnreachable"
  | "newerRecord"
  | "brokenSchedule"
  | "exhausted";
