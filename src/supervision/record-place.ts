import type { Clock } from "../clock";
import type { View } from "../cluster/view";
import type { LeaseLostError } from "../errors";
import type { Random } from "../identity";
import type { RevisionMap } from "../store";

/** Where the records of the tasks of one reach (this process, or the cluster) live. */
export interface RecordPlace {
  readonly map: RevisionMap;
  /** The same map, which calls `answered` and `failed` by itself. */
  readonly reporting: RevisionMap;
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

/** A map that reports how each of its calls went. */
export function reportingMap(inner: RevisionMap, report: Pick<RecordPlace, "answered" | "failed">): RevisionMap {
  const reported = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const answer = await call;
      report.answered();
      return answer;
    } catch (error) {
      report.failed(error);
      throw error;
    }
  };
  return {
    get: (key) => reported(inner.get(key)),
    create: (key, value) => reported(inner.create(key, value)),
    update: (key, value, revision) => reported(inner.update(key, value, revision)),
    delete: (key, revision) => reported(inner.delete(key, revision)),
    list: (prefix) => inner.list(prefix),
    watch: (prefix, listener) => inner.watch(prefix, listener),
  };
}
