import type { Logger } from "pino";
import type { Alarms } from "../alarms";
import type { Clock } from "../clock";
import type { Random } from "../identity";
import type { FormerRuns } from "./former-runs";
import type { RecordPlace } from "./record-place";
import type { Report } from "./report";
import type { RunSpans } from "./run-spans";

/** What the runtime lends to everything that it supervises. */
export interface Host {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly random: Random;
  readonly report: Report;
  readonly logger: Logger;
  readonly formerRuns: FormerRuns;
  readonly spans: RunSpans;
  newRunId(): string;
  /** Where a task's record is kept, or undefined while the store has not been reached. */
  placeOf(exclusive: boolean): RecordPlace | undefined;
  /** Calls `listener` when the record of this task was changed by somebody else; returns the function that ends it. */
  onRecordChange(exclusive: boolean, key: string, listener: () => void): () => void;
}
