import type { AnyActorRef } from "xstate";
import { parseDuration, type Duration } from "../duration";
import { parseRetry, type Retry, type RetryOptions } from "../rules/backoff";
import type { QueueMisfire } from "../rules/queue-record";
import type { Store } from "../store";
import type { Child } from "../supervision/child";
import type { Host } from "../supervision/host";
import type { TaskContext } from "../task";
import {
  hasMethod,
  isArray,
  readOptions,
  refuse,
  requireBoolean,
  requireInteger,
  requireOneOf,
  requireWork,
} from "../validate";
import { requireSchema, type StandardSchema } from "./schema";

/** What a queue may be given; only the name is needed. */
export interface QueueOptions<P = unknown> {
  /** Letters, digits, `-` and `_`, at most 64; the same queue in every process that uses the store. */
  name: string;
  /** Does one assigned task; `context.name` is its id. Left out: this process only assigns. */
  run?: (payload: P, context: TaskContext) => unknown;
  /**
   * Any Standard Schema (zod, valibot, arktype and others). What it refuses is not assigned; what it refuses before a
   * run, because it was assigned by somebody with another schema, goes to the dead letters. `run` gets what it returns.
   */
  schema?: StandardSchema<P>;
  /**
   * Take part in accepting what producers publish on NATS, which one process at a time does, with its own schema;
   * default true. While no process does, it is kept. With several stores producers publish at the first of them.
   */
  intake?: boolean;
  /** Make the queue if the store does not hold it yet; default true. False: ERR_UNKNOWN_QUEUE. */
  create?: boolean;
  /** Runs at a time in this process; default 100. */
  concurrency?: number;
  /** Into how many parts the ids are divided, fixed when the queue is first used; default that number, 64 at first. */
  partitions?: number;
  /** What is due is looked at once in this time; default `"1s"`. Nothing begins early, nor later than this by design. */
  bucket?: Duration;
  /** How long a silent process keeps its partitions; default `"10s"`. */
  lease?: Duration;
  /**
   * Write down that a task is being run before it is; default true. Without it a run costs one write instead of two, an
   * attempt that killed its process is not counted, and a process that froze may finish a run beside the next owner's:
   * for work that may safely run twice.
   */
  claim?: boolean;
  /** As in tasks, but `limit` is 10 by default; after it the task goes to the dead letters. */
  retry?: RetryOptions;
  /** How long one run may take before its signal is aborted and it counts as failed; left out: no limit. */
  timeout?: Duration;
  /**
   * After how long a run is reported as overdue that has no `timeout` and whose task does not repeat; default `"5m"`. The
   * run goes on. One with a timeout is reported 5 seconds after it, one that repeats half a period after its next time.
   */
  overdue?: Duration;
  /** What becomes of the times of a repeating task that were missed; default `"once"`: one run for all of them. */
  misfire?: QueueMisfire;
  /**
   * Where the tasks live, instead of the runtime's store: the partitions are dealt out to these stores, in this order,
   * the same everywhere. While one is down its tasks wait, and the others go on.
   */
  stores?: readonly Store[];
}

/** Checked options, in milliseconds. */
export interface QueueSettings {
  readonly name: string;
  readonly run: ((payload: unknown, context: TaskContext) => unknown) | undefined;
  readonly schema: StandardSchema | undefined;
  readonly intake: boolean;
  readonly create: boolean;
  readonly concurrency: number;
  readonly lease: number;
  readonly claim: boolean;
  readonly retry: Retry;
  readonly timeout: number | undefined;
  readonly overdue: number;
  readonly misfire: QueueMisfire;
  readonly stores: readonly Store[];
  /** Undefined: as it is in the store. */
  readonly partitions: number | undefined;
  readonly bucket: number | undefined;
}

/** What every process of a queue agrees on, as the store has it. */
export interface QueueShape {
  readonly partitions: number;
  readonly bucket: number;
}

/** What a queue uses of its runtime. */
export interface QueueHost {
  readonly host: Host;
  readonly store: Store;
  /** The root of the tree, under which a queue's workers are. */
  readonly root: AnyActorRef;
  /** Adds a child to the root, and starts it. */
  adopt(child: Child): void;
  /** Stops it and takes it out again. */
  dismiss(child: Child): Promise<void>;
}

const names = [
  ...["name", "run", "schema", "concurrency", "partitions", "bucket", "lease", "claim", "retry", "timeout", "misfire"],
  ...["stores", "create", "intake", "overdue"],
];

/** @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION */
export function parseQueue<P>(options: QueueOptions<P>, store: Store): QueueSettings {
  const given = readOptions("queue", options, names);
  const { name, run, schema, concurrency = 100, partitions, bucket, lease = "10s", retry = {}, stores } = given;
  if (typeof name !== "string" || !/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    refuse("queue.name", "1 to 64 letters, digits, - and _", name);
  }
  if (run !== undefined) requireWork("queue.run", run);
  if (stores !== undefined && !(isArray(stores) && stores.length > 0 && stores.every(isStore))) {
    refuse("queue.stores", "one or more stores", stores);
  }
  if (stores !== undefined && new Set(stores).size < stores.length) {
    refuse("queue.stores", "each store once", stores.length);
  }
  return {
    name,
    run: run as QueueSettings["run"],
    schema: schema === undefined ? undefined : requireSchema("queue.schema", schema),
    intake: requireBoolean("queue.intake", given.intake ?? true),
    create: requireBoolean("queue.create", given.create ?? true),
    concurrency: requireInteger("queue.concurrency", concurrency, 1, 100_000),
    partitions: partitions === undefined ? undefined : requireInteger("queue.partitions", partitions, 1, 4_096),
    bucket: bucket === undefined ? undefined : parseDuration("queue.bucket", bucket, { min: 1 }),
    lease: parseDuration("queue.lease", lease, { min: 100 }),
    claim: requireBoolean("queue.claim", given.claim ?? true),
    retry: parseRetry("queue.retry", retry, { limit: 10 }),
    timeout: given.timeout === undefined ? undefined : parseDuration("queue.timeout", given.timeout, { min: 1 }),
    overdue: parseDuration("queue.overdue", given.overdue ?? "5m", { min: 1 }),
    misfire: requireOneOf("queue.misfire", ["once", "skip", "all"], given.misfire ?? "once"),
    stores: stores ?? [store],
  };
}

function isStore(store: unknown): boolean {
  return hasMethod(store, "map") && hasMethod(store, "open");
}
