import type { Clock } from "../clock";
import type { View } from "../cluster/view";
import type { LeaseLostError } from "../errors";
import type { Random } from "../identity";
import type { RevisionMap } from "../store";

/** Where the records of the tasks of one reach (this process, or the cluster) live. */
export interface RecordPlace {
  readonly map: RevisionMap;
  readonly view: View;
  /** Seconds, for fencing tokens. */
  readonly epoch: number;
  /** Told about every answer, so that an outage is reported once for all tasks. */
  failed(error: unknown): void;
  answered(): void;
}

/** What holding one task's record takes, besides the place where it is. */
export interface Holding {
  key: string;
  /** In milliseconds; Infinity where nobody else can take the record. */
  lease: number;
  clock: Clock;
  random: Random;
  onLost: (error: LeaseLostError) => void;
  warn: (message: string, error: unknown) => void;
}
