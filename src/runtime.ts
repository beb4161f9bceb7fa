import type { Logger } from "pino";
import pino from "pino";
import type { Observable } from "rxjs";
import type { Actor, AnyActorLogic } from "xstate";
import { Alarms } from "./alarms";
import type { Clock } from "./clock";
import { systemClock } from "./clocks/system";
import { Nodes, type NodeInfo } from "./cluster/nodes";
import { StoreLocks } from "./cluster/runtime-locks";
import { OstinatoError, toError } from "./errors";
import { guardLogger } from "./foreign";
import type { Queue } from "./queue/queue-api";
import { Queues } from "./queue/queues";
import { observeQueues } from "./queue/telemetry";
import { idSource, systemRandom } from "./identity";
import type { Store } from "./store";
import { memoryStore } from "./stores/memory";
import { parseOptions, type Runtime, type RuntimeOptions } from "./runtime-api";
import { asTask } from "./supervision/as-task";
import type { Child } from "./supervision/child";
import { onReaderGone, outputsOf } from "./tasks/reader-gone";
import { supervisorHandle, type SupervisorHandle, type TaskHandle } from "./supervision/handles";
import { FormerRuns } from "./supervision/former-runs";
import type { Host } from "./supervision/host";
import { handleOf, outline, stopIn, type TreeEntry } from "./supervision/outline";
import { Records } from "./supervision/records";
import { Report, type RuntimeEvent } from "./supervision/report";
import { parseSpec, type SpawnSpec } from "./supervision/spec";
import { makeRoot } from "./supervision/root";
import { RunSpans } from "./supervision/run-spans";
import type { SupervisorChild } from "./supervision/supervisor-child";
import { TaskChild } from "./supervision/task-child";
import { observeTelemetry } from "./supervision/telemetry";
import { makeBranch, parseBranch, type SuperviseSpec } from "./supervision/tree";
import { reportUnhandled } from "./supervision/unhandled";
import type { Task } from "./task";
import { quoted } from "./validate";

/**
 * Makes a runtime; nothing runs before `start()`.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return new LocalRuntime(options);
}

class LocalRuntime implements Runtime {
  readonly nodeId: string;
  readonly actor: Actor<AnyActorLogic>;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly finished: Promise<void>;
  readonly locks: StoreLocks;
  readonly events: Observable<RuntimeEvent>;
  readonly outline = (): TreeEntry[] => outline(this.#root);
  readonly nodes = (): NodeInfo[] => this.#nodes.list();
  readonly #nodes: Nodes;
  readonly #report: Report;
  readonly #alarms: Alarms;
  readonly #shared: Records;
  readonly #local: Records;
  readonly #host: Host;
  readonly #root: SupervisorChild;
  readonly #queues: Queues;
  readonly #shutdownTimeout: number;
  readonly #lease: number;
  readonly #survive: boolean;
  #state: "new" | "starting" | "running" | "stopping" = "new";
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  readonly #ends: (() => void)[] = [];
  readonly #finish: Record<"resolve" | "reject", (error?: Error) => void>;

  constructor(options: RuntimeOptions) {
    const { store, clock, logger, inspect, nodeId, shutdownTimeout, lease, line, survive } = parseOptions(options);
    this.clock = clock ?? systemClock;
    this.store = store ?? memoryStore();
    this.logger = logger ?? pino();
    this.nodeId = nodeId;
    this.#shutdownTimeout = shutdownTimeout;
    this.#lease = lease;
    this.#survive = survive;
    this.#report = new Report(this.logger, line);
    this.events = this.#report.events;
    this.#alarms = new Alarms(this.clock, {
      onError: (error) =>
        this.#report.tell({ type: "warning", task: "", message: "an alarm failed", err: toError(error) }),
    });
    this.#shared = new Records(this.store, this.clock, systemRandom, this.#report);
    this.#local = new Records(memoryStore(), this.clock, systemRandom, this.#report);
    const shared = { store: this.store, clock: this.clock, report: this.#report, nodeId };
    this.locks = new StoreLocks({ ...shared, lease, isRunning: () => this.#state === "running" });
    this.#nodes = new Nodes({
      ...shared,
      random: systemRandom,
      held: () => this.#shared.held(),
      tasks: () => this.#shared.toldNames(),
    });
    const finish: Record<"resolve" | "reject", (error?: Error) => void> = { resolve() {}, reject() {} };
    this.finished = new Promise((resolve, reject) => Object.assign(finish, { resolve, reject }));
    this.finished.catch(() => undefined);
    this.#finish = finish;
    this.#host = this.#makeHost();
    const { root, actor } = makeRoot(this.#host, inspect, (error) => this.#fail(error));
    this.#root = root;
    this.actor = actor;
    this.#queues = new Queues({
      host: this.#host,
      store: this.store,
      root: actor,
      adopt: (child) => this.#adopt(child),
      dismiss: (child) => stopIn(this.#root, child),
    });
  }

  spawn(spec: SpawnSpec): TaskHandle {
    this.#refuseWhenStopped();
    const parsed = parseSpec(spec, this.#defaults());
    this.#refuseTaken([parsed.name]);
    const child = new TaskChild(parsed, this.#host, this.#root.actor, this.#root.childExited);
    this.#add(child);
    return handleOf(child, this.#root);
  }

  supervise(spec: SuperviseSpec): SupervisorHandle {
    this.#refuseWhenStopped();
    const { plan, names } = parseBranch(spec, this.#defaults());
    this.#refuseTaken(names);
    const child = makeBranch(plan, this.#host, this.#root.actor, this.#root.childExited);
    this.#add(child);
    return supervisorHandle(child, (gone) => stopIn(this.#root, gone));
  }

  readonly queue: Runtime["queue"] = async (options) => {
    this.#refuseWhenStopped();
    return this.#queues.open(options);
  };

  readonly queues = (): Queue[] => this.#queues.list;

  get(name: string): TaskHandle | undefined {
    const child = this.#root.children.find(name);
    return child instanceof TaskChild ? handleOf(child, this.#root) : undefined;
  }

  start(): Promise<void> {
    if (this.#state !== "new") {
      const code = this.#state === "stopping" ? "ERR_STOPPED" : "ERR_ALREADY_STARTED";
      const why = this.#state === "stopping" ? "it has been stopped: make a new one" : "it was started before";
      return Promise.reject(new OstinatoError(code, `the runtime cannot be started: ${why}`));
    }
    this.#state = "starting";
    this.#started = this.#begin();
    return this.#started;
  }

  async #begin(): Promise<void> {
    try {
      await this.#local.open();
      await this.#shared.open();
    } catch (error) {
      await this.#local.close();
      this.#state = "new";
      throw error;
    }
    if (this.#stopped !== undefined) return;
    this.#state = "running";
    if (this.#survive) this.#ends.push(reportUnhandled(this.#report));
    this.#ends.push(observeTelemetry(this.#report, this.outline, this.#host.spans));
    this.#ends.push(observeQueues(this.queues));
    this.#nodes.open();
    this.#root.start();
    this.#queues.start();
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#drain());
  }

  async #drain(): Promise<void> {
    const begun = this.#state === "starting" ? this.#started?.catch(() => undefined) : undefined;
    const running = this.#state === "running";
    this.#state = "stopping";
    this.#host.formerRuns.stopBegins();
    await begun;
    if (running || this.#root.state === "running" || this.#root.state === "draining") {
      const deadline = this.clock.setTimeout(
        () => [this.#root, this.#queues].map((part) => part.hurry()),
        this.#shutdownTimeout,
      );
      await Promise.all([this.#root.stop(), this.#queues.stop()]);
      this.clock.clearTimeout(deadline);
    }
    await this.#close();
    if (this.#root.error === undefined) this.#finish.resolve();
  }

  /** After the last child: nothing of this runtime is left that could keep the process alive. */
  async #close(): Promise<void> {
    await this.#queues.stop();
    for (const end of this.#ends) end();
    this.#alarms.close();
    await this.#local.close();
    await Promise.all([this.locks.close(), this.#nodes.close()]);
    await this.#shared.close().catch((error: unknown) => {
      this.#report.tell({ type: "warning", task: "", message: "the store could not be closed", err: toError(error) });
    });
    this.actor.stop();
  }

  task(): Task {
    const { formerRuns, logger } = this.#host;
    return asTask(
      this,
      () => formerRuns.throwIfLate(),
      (listener) => onReaderGone(outputsOf(logger), listener),
    );
  }

  toString(): string {
    return this.#root.lines().join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #makeHost(): Host {
    const records = (exclusive: boolean): Records => (exclusive ? this.#shared : this.#local);
    return {
      nodeId: this.nodeId,
      clock: this.clock,
      alarms: this.#alarms,
      random: systemRandom,
      report: this.#report,
      logger: guardLogger(this.logger, (error) => this.#report.logFailed(error)),
      newRunId: idSource(),
      formerRuns: new FormerRuns(this.#report),
      spans: new RunSpans(),
      placeOf: (exclusive) => records(exclusive).place,
      onRecordChange: (exclusive, key, listener) => records(exclusive).on(key, listener),
    };
  }

  /** The root gave up: everything has been stopped by then. */
  #fail(error: Error): void {
    this.#state = "stopping";
    this.#stopped ??= this.#close();
    void this.#stopped.then(() => this.#finish.reject(error));
  }

  #defaults(): { now: number; lease: number; shutdownTimeout: number } {
    return { now: this.clock.now(), lease: this.#lease, shutdownTimeout: this.#shutdownTimeout };
  }

  #adopt(child: Child): void {
    this.#root.children.add(child);
    this.#root.children.start(child.name);
  }

  #add(child: Child): void {
    this.#root.children.add(child);
    if (this.#state === "running") this.#root.children.start(child.name);
  }

  #refuseTaken(names: readonly string[]): void {
    const taken = names.find((name) => this.actor.system.get(name) !== undefined);
    if (taken !== undefined) {
      throw new OstinatoError("ERR_DUPLICATE_NAME", `${quoted(taken)} is taken: names are unique in a runtime`);
    }
  }

  #refuseWhenStopped(): void {
    if (this.#state === "stopping") {
      throw new OstinatoError("ERR_STOPPED", "the runtime has been stopped: nothing can be added to it");
    }
  }
}
