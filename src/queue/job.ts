import type { GivenUp } from "../rules/completion";
import type { QueueRecord } from "../rules/queue-record";
import type { Host } from "../supervision/host";
import type { QueueSettings } from "./options";
import type { OwnedPartition } from "./owned-partition";
import type { Overruns, OverrunTold } from "./overruns";
import type { SignsOfLife } from "./signs-of-life";

/** A task that was found due. */
export interface Job {
  readonly key: string;
  /** The revision that was found due. */
  readonly revision: number;
  /** Its record, if that is still at hand. */
  readonly value: string | undefined;
  readonly partition: OwnedPartition;
  /** A suspect, in a group of so many that have the process to themselves; 0: among others. Absent: no suspect. */
  readonly group?: number | undefined;
}

/** Where a task stands when a worker is done with it. */
export type Standing =
  | { readonly is: "waiting"; readonly record: QueueRecord; readonly value: string; readonly revision: number }
  | { readonly is: "gone"; readonly revision: number }
  /** To be read anew, after a while where that is why it could not be read. */
  | { readonly is: "unknown"; readonly pause: boolean }
  /** The partition is not ours any more. */
  | { readonly is: "left" };

export interface RunServices {
  readonly settings: QueueSettings;
  readonly host: Host;
  /** The executions of this queue, of which this is `signs.self`. */
  readonly signs: SignsOfLife;
  /** A letter was written, or a run ended. */
  readonly onGivenUp: (record: QueueRecord, reason: GivenUp, error: Error | undefined) => void;
  readonly overruns: Overruns;
  /** The task was timed by a clock that is ahead of this one. */
  readonly onRetimed: (record: QueueRecord) => void;
  /** Nothing that needs a store which does not answer is waited for any more. */
  readonly isStopping: () => boolean;
}

/** What a queue is told of its runs. */
export type RunsTold = Pick<RunServices, "onGivenUp"> & OverrunTold;

export interface Claim {
  readonly attempt: number;
  readonly fencingToken: number;
  readonly lateBy: number;
}
