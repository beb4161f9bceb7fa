import type { Logger } from "pino";
import type { Clock } from "../clock";
import { parseDuration, type Duration } from "../duration";
import { parseRetry, type Retry, type RetryOptions } from "../rules/backoff";
import type { Store } from "../store";
import type { TaskContext } from "../task";
import { refuse, refuseUnknown, requireFunction, requireInteger } from "../validate";

/** What a queue may be given; only the name is needed. */
export interface QueueOptions<P = unknown> {
  /** Letters, digits, `-` and `_`, at most 64; the same queue in every process that uses the store. */
  name: string;
  /** Does one assigned task; `context.name` is its id. Left out: this process only assigns. */
  run?: (payload: P, context: TaskContext) => unknown;
  /** Runs at a time in this process; default 100. */
  concurrency?: number;
  /** Into how many parts the ids are divided, fixed when the queue is first used; default 64. */
  partitions?: number;
  /** What is due is looked at once in this time; default `"1s"`. Nothing begins early, nor later than this by design. */
  bucket?: Duration;
  /** How long a silent process keeps its partitions; default `"10s"`. */
  lease?: Duration;
  /** As in tasks, but `limit` is 10 by default; after it the task goes to the dead letters. */
  retry?: RetryOptions;
}

/** Checked options, in milliseconds. */
export interface QueueSettings {
  readonly name: string;
  readonly run: ((payload: unknown, context: TaskContext) => unknown) | undefined;
  readonly concurrency: number;
  readonly partitions: number;
  readonly bucket: number;
  readonly lease: number;
  readonly retry: Retry;
}

/** What a queue uses of its runtime. */
export interface QueueHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly logger: Logger;
}

const names = ["name", "run", "concurrency", "partitions", "bucket", "lease", "retry"];

/** @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION */
export function parseQueue<P>(given: QueueOptions<P>): QueueSettings {
  if (typeof given !== "object" || (given as unknown) === null) refuse("queue", "an object", given);
  refuseUnknown("queue", given, names);
  const { name, run, concurrency = 100, partitions = 64, bucket = "1s", lease = "10s", retry = {} } = given;
  if (typeof name !== "string" || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    refuse("queue.name", "1 to 64 letters, digits, - and _", name);
  }
  if (run !== undefined) requireFunction("queue.run", run);
  return {
    name,
    run: run as QueueSettings["run"],
    concurrency: requireInteger("queue.concurrency", concurrency, 1, 100_000),
    partitions: requireInteger("queue.partitions", partitions, 1, 4_096),
    bucket: parseDuration("queue.bucket", bucket, { min: 1 }),
    lease: parseDuration("queue.lease", lease, { min: 100 }),
    retry: parseRetry("queue.retry", { limit: 10, ...retry }),
  };
}
