import type { Logger } from "pino";
import type { Observable } from "rxjs";
import type { Actor, AnyActorLogic, InspectionEvent, Observer } from "xstate";
import type { Clock } from "./clock";
import type { NodeInfo } from "./cluster/nodes";
import type { RuntimeLocks } from "./cluster/runtime-locks";
import { parseDuration, type Duration } from "./duration";
import { defaultNodeId } from "./identity";
import type { QueueOptions } from "./queue/options";
import type { Queue } from "./queue/queue-api";
import type { Store } from "./store";
import type { Task } from "./task";
import { hasMethod, readOptions, refuse, requireBoolean, requireMethod, requireName, requireOneOf } from "./validate";
import type { SupervisorHandle, TaskHandle } from "./supervision/handles";
import type { TreeEntry } from "./supervision/outline";
import { defaultLabel, monitorLine, type Messages, type MonitorLine } from "./supervision/monitor-line";
import type { RuntimeEvent } from "./supervision/report";
import type { SpawnSpec } from "./supervision/spec";
import type { SuperviseSpec } from "./supervision/tree";

/** What a runtime may be given; everything has a default. */
export interface RuntimeOptions {
  /** Where what is shared lives. Default: `memoryStore()`, which nothing else sees. */
  store?: Store;
  /** Default `pino()`. */
  logger?: Logger;
  /** Default `systemClock`. */
  clock?: Clock;
  /** XState's own inspection observer. One that throws is reported and hurts nothing. */
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
  /** Names this incarnation of the process. Default: host, pid and a random part. */
  nodeId?: string;
  /** How long `stop()` lets runs in progress go on before it aborts them. Default `"10s"`. */
  shutdownTimeout?: Duration;
  /** How long a node that has fallen silent keeps its exclusive tasks from the others. Default `"15s"`. */
  lease?: Duration;
  /**
   * How the log's monitor lines read: `"plain"` is `START backup`, `"neat"` is `### [START] neat-periodic-task: "backup"`.
   * Default `"plain"`, or `"neat"` where a `label` is given. The fields beside the text are the same.
   */
  messages?: Messages;
  /** What neat monitor lines call the tasks. Default `"neat-periodic-task"`. */
  label?: string;
  /** Report rejections that nobody handled, and go on, instead of letting Node end the process. Default true. */
  surviveUnhandledRejections?: boolean;
}

/** Runs tasks under supervision, from `start()` to `stop()`. */
export interface Runtime extends AsyncDisposable {
  readonly nodeId: string;
  /** The root supervisor: a real XState actor; `actor.system.get(name)` finds a task's. */
  readonly actor: Actor<AnyActorLogic>;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Everything that happens, from the moment of subscription. */
  readonly events: Observable<RuntimeEvent>;
  /** Locks by id, shared by all that work on the same store; released when the runtime stops. */
  readonly locks: RuntimeLocks;
  /**
   * The live nodes that work on the same store, this one first. One that fell silent without a word stays for up to a
   * minute. A store that only this process sees has this node alone.
   */
  nodes(): NodeInfo[];
  /** Adds a task; it starts with the runtime, or at once if that runs. */
  spawn(spec: SpawnSpec): TaskHandle;
  /** Adds a branch of the supervision tree. */
  supervise(spec: SuperviseSpec): SupervisorHandle;
  /**
   * Opens a queue of assigned tasks. Where `run` is given it executes from the runtime's start, or at once if that runs.
   *
   * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION, ERR_DUPLICATE_NAME, ERR_QUEUE_MISMATCH, ERR_STOPPED;
   *   as the store's calls do.
   */
  queue<P = unknown>(options: QueueOptions<P>): Promise<Queue<P>>;
  /** The queues that are open in this runtime, by name. */
  queues(): Queue[];
  /** The handle of a task that is in the tree. */
  get(name: string): TaskHandle | undefined;
  start(): Promise<void>;
  /** Drains: nothing new begins, runs may end until `shutdownTimeout`, then they are aborted. The same promise each time. */
  stop(): Promise<void>;
  /** Resolves when the runtime has been stopped; rejects when its tree has failed. */
  readonly finished: Promise<void>;
  /** The runtime as a task: starts, runs until its signal is aborted, stops; fails when the tree fails. */
  task(): Task;
  /** The tree as it is now: the root, then everything below it in order. */
  outline(): TreeEntry[];
  /** The tree, one line each. */
  toString(): string;
}

const optionNames = [
  "store", "logger", "clock", "inspect", "nodeId", "shutdownTimeout", "lease", "messages", "label", "surviveUnhandledRejections",
]; // prettier-ignore

/** Checked options: milliseconds, and nothing left out that does not need more than this file knows. */
export interface ParsedOptions extends Pick<RuntimeOptions, "store" | "logger" | "clock" | "inspect"> {
  readonly nodeId: string;
  readonly shutdownTimeout: number;
  readonly lease: number;
  readonly line: MonitorLine;
  readonly survive: boolean;
}

export function parseOptions(given: RuntimeOptions): ParsedOptions {
  const options = readOptions("createRuntime", given, optionNames);
  const {
    store,
    logger,
    clock,
    inspect,
    nodeId,
    label,
    messages = label === undefined ? "plain" : "neat",
    surviveUnhandledRejections = true,
  } = options;
  if (store !== undefined) requireMethod("store", store, "map");
  if (clock !== undefined) requireMethod("clock", clock, "monotonic");
  if (logger !== undefined) requireMethod("logger", logger, "child");
  if (inspect !== undefined && typeof inspect !== "function" && !hasMethod(inspect, "next")) {
    refuse("inspect", "a function or an observer", inspect);
  }
  return {
    ...(store === undefined ? {} : { store }),
    ...(logger === undefined ? {} : { logger }),
    ...(clock === undefined ? {} : { clock }),
    ...(inspect === undefined ? {} : { inspect }),
    nodeId: nodeId === undefined ? defaultNodeId() : requireName("nodeId", nodeId),
    shutdownTimeout: parseDuration("shutdownTimeout", options.shutdownTimeout ?? "10s", { min: 0 }),
    lease: parseDuration("lease", options.lease ?? "15s", { min: 100 }),
    line: monitorLine(
      requireOneOf("messages", ["plain", "neat"], messages),
      label === undefined ? defaultLabel : requireName("label", label),
    ),
    survive: requireBoolean("surviveUnhandledRejections", surviveUnhandledRejections),
  };
}
