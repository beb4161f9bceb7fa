import type { AnyActorRef } from "xstate";
import type { TaskEvent, Verdict } from "../../machines/events";
import type { TaskMachineContext } from "../../machines/task";
import type { Alarm } from "../alarms";
import type { TimerId } from "../clock";
import { ShutdownError, toError } from "../errors";
import { hashName } from "../identity";
import type { Retry } from "../rules/backoff";
import type { RestartKind } from "../rules/restart";
import type { Child, OnExit } from "./child";
import { Claims } from "./claims";
import type { Host } from "./host";
import { Overdue } from "./overdue";
import { startRun, type RunEnd } from "./run";
import { abortContext, contextFor, type Progress, type RunContext } from "./run-context";
import { spawnActor, stopActor } from "./spawn";
import type { ParsedSpec } from "./spec";
import { own, taskLogic, type TaskEffects } from "./task-actor";
import { Trigger, type TriggerResult } from "./trigger";

/** How long a run that was aborted at the deadline may take to return before it is given up. */
const lastGrace = 1_000;
/** Between two looks at a store that cannot be reached. */
const unreachablePause = { first: 100, longest: 5_000 };

/** One task in the tree: its actor decides what happens next; this carries out what the actor asks for. */
export class TaskChild implements Child, TaskEffects {
  readonly name: string;
  readonly restart: RestartKind;
  readonly significant: boolean;
  readonly retry: Retry;
  readonly actor: AnyActorRef;
  readonly claims: Claims;
  readonly overdue: Overdue;
  readonly trigger: Trigger;
  progress: Progress | undefined;
  readonly #spec: ParsedSpec;
  readonly #host: Host;
  readonly #onExit: OnExit;
  readonly #unlisten: () => void;
  #alarm: Alarm | undefined;
  /** Of the run that has not settled yet. */
  #context: RunContext | undefined;
  #end: RunEnd = { outcome: "succeeded" };
  #about = { runId: "", attempt: 0, startedAt: 0 };
  #toldTimeout = false;
  #deadline: TimerId;
  #stopped: { promise: Promise<void>; resolve: () => void } | undefined;
  #hurried = false;
  /** Idle or in backoff: only then does a change of the record matter. */
  #waiting = false;
  #verdict: Verdict | undefined;
  #aliveAt = -Infinity;
  #aliveRun: string | undefined;
  #jitter: { tick: number | null; delay: number } | undefined;
  #failedLooks = 0;

  constructor(spec: ParsedSpec, host: Host, parent: AnyActorRef, onExit: OnExit) {
    this.name = spec.name;
    this.restart = spec.restart;
    this.significant = spec.significant;
    this.retry = spec.retry;
    this.#spec = spec;
    this.#host = host;
    this.#onExit = onExit;
    const key = `task.${spec.name}`;
    this.claims = new Claims({
      key,
      nodeId: host.nodeId,
      place: () => host.placeOf(spec.exclusive),
      rule: spec.rule,
      lease: spec.exclusive ? spec.lease : Infinity,
      retry: spec.retry,
      clock: host.clock,
      random: host.random,
      newRunId: () => host.newRunId(),
      delayAfter: (tick) => this.#delayAfter(tick),
      onLost: (error) => {
        this.#abortRun(error);
        this.#send({ type: "LEASE_LOST" });
      },
      warn: (message, error) => this.#warn(message, error),
    });
    this.overdue = new Overdue(spec, host);
    this.actor = spawnActor(parent, taskLogic, spec.name, { name: spec.name, continuous: spec.rule === undefined });
    own(this.actor, this);
    this.trigger = new Trigger(this.actor);
    this.#unlisten = host.onRecordChange(spec.exclusive, key, () => {
      if (this.#waiting) this.#send({ type: "CHANGED" });
    });
  }

  get spec(): ParsedSpec {
    return this.#spec;
  }

  start(): void {
    this.#stopped = undefined;
    this.#hurried = false;
    this.claims.started();
    this.#send({ type: "START" });
  }

  awaitRestart(at: number): void {
    this.#send({ type: "AWAIT_RESTART", retryAt: at });
  }

  drain(): void {
    // Long-lived work goes on until its turn; scheduled work that is not running has nothing to lose.
    if (this.#spec.rule !== undefined) void this.stop();
  }

  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.#stopped = { promise, resolve };
      this.trigger.stopped();
      if (this.#state() === "finished") resolve();
      else this.#send({ type: "STOP" });
    }
    return this.#stopped.promise;
  }

  hurry(): void {
    this.#hurried = true;
    if (this.#stopped !== undefined && this.#state() === "running") this.drainRun();
    else if (this.#stopped !== undefined && this.#state() === "checking") this.#giveUp();
  }

  dispose(): void {
    this.#cancelWaiting();
    this.overdue.forget();
    this.#clearDeadline();
    this.#unlisten();
    stopActor(this.actor);
  }

  find(): undefined {
    return undefined;
  }

  lines(): string[] {
    return [`${this.name} (${this.#state()})`];
  }

  get state(): string {
    return this.#state();
  }

  get context(): TaskMachineContext {
    return (this.actor.getSnapshot() as { context: TaskMachineContext }).context;
  }

  requestRun(): Promise<TriggerResult> {
    const started = this.context.because !== "unstarted" && this.#stopped === undefined;
    return this.trigger.request(this.#state(), started);
  }

  pause(): void {
    this.overdue.forget();
    this.#send({ type: "PAUSE" });
  }

  resume(): void {
    this.#send({ type: "RESUME" });
  }

  check(context: TaskMachineContext, event: TaskEvent): void {
    this.#cancelWaiting();
    const triggered = this.trigger.taken(event.type === "TRIGGER");
    if (context.paused && !triggered) {
      this.#send({ type: "NOT_DUE", nextDue: Infinity });
      return;
    }
    this.claims.check(triggered, (verdict) => {
      this.#verdict = verdict;
      this.#failedLooks = verdict.type === "UNREACHABLE" ? this.#failedLooks + 1 : 0;
      if (verdict.type === "HELD") this.overdue.began(false, undefined);
      if (verdict.type === "REFUSED" && context.refusal === undefined) {
        this.#warn(`"${this.name}" does not run here: ${verdict.reason}`);
      }
      this.trigger.answered(verdict);
      this.#send(verdict);
      this.trigger.retry();
    });
  }

  abandonClaim(): void {
    void this.claims.end({ outcome: "aborted" });
  }

  startRun(): void {
    const { claims, name } = this;
    const record = claims.record;
    if (record === undefined) return;
    const { runId, attempt, tick } = record;
    this.#about = { runId, attempt, startedAt: record.startedAt ?? 0 };
    const { clock, report } = this.#host;
    const schedule = this.#spec.rule?.schedule;
    this.progress = undefined;
    this.#toldTimeout = false;
    const token = claims.token ?? 0;
    const context = contextFor(this.#host, name, record, token, (progress) => {
      this.progress = progress;
      report.tell({ type: "progress", task: name, runId, attempt, ...progress });
    });
    if (schedule !== undefined) this.overdue.began(true, schedule.next(new Date(Math.max(tick ?? 0, 0)))?.getTime());
    report.tell({
      type: "start",
      task: name,
      runId,
      attempt,
      scheduledAt: context.scheduledAt,
      lateBy: context.lateBy,
      fencingToken: token,
    });
    this.#context = context;
    startRun({
      task: this.#spec.run,
      context,
      timeout: this.#spec.timeout,
      clock,
      onTimeout: (error) => {
        claims.letExpire();
        this.#toldTimeout = true;
        this.#tellFailed({ outcome: "timedOut", error });
        this.#send({ type: "TIMED_OUT" });
      },
      onSettled: (end) => {
        this.#end = end;
        this.#context = undefined;
        this.#record(end);
      },
    });
  }

  #abortRun(reason: Error): void {
    if (this.#context !== undefined) abortContext(this.#context, reason);
  }

  /** The run in progress is asked to end: long-lived work at once, a scheduled run once its time is over (`N5`, `S5`). */
  drainRun(): void {
    const { clock } = this.#host;
    const { rule, shutdown } = this.#spec;
    this.#clearDeadline();
    const giveUpAfter = (delay: number): void => {
      this.#abortRun(new ShutdownError(`"${this.name}" is being stopped`));
      this.#deadline = clock.setTimeout(() => this.#giveUp(), delay);
    };
    if (this.#hurried) giveUpAfter(lastGrace);
    else if (rule === undefined) {
      if (shutdown === Infinity) this.#abortRun(new ShutdownError(`"${this.name}" is being stopped`));
      else giveUpAfter(shutdown);
    } else if (shutdown !== Infinity) this.#deadline = clock.setTimeout(() => giveUpAfter(lastGrace), shutdown);
  }

  #record(end: RunEnd): void {
    this.overdue.ended();
    const { outcome, error, retryAfter } = end;
    const startedAt = this.claims.record?.startedAt;
    void this.claims
      .end({ outcome, ...(error ? { error: error.message } : {}), ...(retryAfter === undefined ? {} : { retryAfter }) })
      .then(({ stored, afterwards }) => {
        this.#tellEnd(end, stored, startedAt, afterwards.then === "backoff" ? afterwards.retryAt : undefined);
        this.trigger.ended(outcome, error);
        if (afterwards.then === "idle") this.#verdict = { type: "NOT_DUE", nextDue: afterwards.nextDue };
        this.#send({ type: "RECORDED", ...afterwards, outcome, error: error?.message });
      });
  }

  awaitTick({ because }: TaskMachineContext): void {
    this.#cancelWaiting();
    if (because === "unstarted" || because === "paused") return;
    this.#waiting = true;
    const { alarms, clock } = this.#host;
    const verdict = this.#verdict;
    const look = (): void => this.#send({ type: "TICK" });
    if (verdict?.type === "NOT_DUE") {
      if (verdict.nextDue === Infinity) return;
      this.overdue.expect(verdict.nextDue);
      if (verdict.nextDue > clock.now()) this.#tellAlive(verdict.nextDue);
      this.#alarm = alarms.at(Math.min(verdict.nextDue, this.#aliveAt + this.#spec.maxCycle), look);
    } else if (verdict?.type === "HELD") {
      this.#alarm = alarms.after(verdict.retryIn, look);
    } else if (verdict?.type === "UNREACHABLE") {
      this.overdue.late("the store cannot be reached");
      const pause = Math.min(
        unreachablePause.longest,
        unreachablePause.first * 2 ** Math.min(10, this.#failedLooks - 1),
      );
      this.#alarm = alarms.after(pause * (0.8 + 0.4 * this.#host.random()), look);
    } else {
      this.#alarm = alarms.at(clock.now() + this.#spec.maxCycle, look);
    }
  }

  awaitRetry(context: TaskMachineContext): void {
    this.#cancelWaiting();
    if (context.retryAt === undefined || context.continuous) return;
    this.#waiting = true;
    this.#alarm = this.#host.alarms.at(context.retryAt, () => this.#send({ type: "TICK" }));
  }

  #cancelWaiting(): void {
    this.#waiting = false;
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  reportExit(): void {
    this.#cancelWaiting();
    this.#clearDeadline();
    this.overdue.forget();
    if (this.#stopped !== undefined) {
      this.#stopped.resolve();
      return;
    }
    const { outcome, error } = this.#end;
    const failed = this.#spec.rule === undefined && outcome !== "succeeded";
    // Not from within the actor's own step: the supervisor may stop this actor in answer.
    queueMicrotask(() => {
      if (failed) this.#onExit(this, "failure", error);
      else this.#onExit(this, "success");
    });
  }

  #state(): string {
    const value = (this.actor.getSnapshot() as { value: string | Record<string, unknown> }).value;
    return typeof value === "string" ? value : (Object.keys(value)[0] ?? "");
  }

  #send(event: TaskEvent): void {
    this.actor.send(event);
  }

  #warn(message: string, error?: unknown): void {
    const err = error === undefined ? {} : { err: toError(error) };
    this.#host.report.tell({ type: "warning", task: this.name, message, ...err });
  }

  #clearDeadline(): void {
    if (this.#deadline !== undefined) this.#host.clock.clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  /** `S5`: nothing waits for ever. */
  #giveUp(): void {
    this.#warn(`"${this.name}" did not end by its shutdown deadline and was given up`);
    this.#host.gaveUp(this.name);
    this.claims.giveUp();
    this.#stopped?.resolve();
  }

  /** `spread` is the same for one name everywhere; `jitter` is drawn once for each tick. */
  #delayAfter(tick: number | null): number {
    const { spread, jitter, name } = this.#spec;
    if (jitter > 0 && (this.#jitter === undefined || this.#jitter.tick !== tick)) {
      this.#jitter = { tick, delay: Math.floor(this.#host.random() * jitter) };
    }
    return (spread === 0 ? 0 : hashName(name) % spread) + (this.#jitter?.delay ?? 0);
  }

  /** `N10`: right after a run, on whichever node, and then at least every maxCycle. */
  #tellAlive(nextDue: number): void {
    const now = this.#host.clock.now();
    const lastRun = this.claims.record?.previousRun?.runId;
    if (lastRun === this.#aliveRun && now < this.#aliveAt + this.#spec.maxCycle && now >= this.#aliveAt) return;
    this.#aliveRun = lastRun;
    this.#aliveAt = now;
    this.#host.report.tell({ type: "alive", task: this.name, nextRun: new Date(nextDue) });
  }

  #tellEnd(end: RunEnd, stored: boolean, startedAt: number | undefined, retryAt: number | undefined): void {
    const { report, clock } = this.#host;
    const { outcome, error } = end;
    const { runId, attempt } = this.#about;
    const durationMs = startedAt === undefined ? 0 : Math.max(0, clock.now() - startedAt);
    const about = { task: this.name, runId, attempt, durationMs };
    if (outcome === "leaseLost" || outcome === "aborted") {
      report.tell({ type: "aborted", ...about, outcome, ...(error ? { err: error } : {}) });
    } else if (!stored) {
      this.#warn(
        `how run ${runId} of "${this.name}" ended (${outcome}) was not stored: its record is somebody else's by now`,
        error,
      );
    } else if (outcome === "succeeded") report.tell({ type: "finished", ...about });
    else if (!this.#toldTimeout) this.#tellFailed(end, retryAt);
  }

  #tellFailed(end: RunEnd, retryAt?: number): void {
    const { clock, report } = this.#host;
    const { runId, attempt, startedAt } = this.#about;
    report.tell({
      type: "failed",
      task: this.name,
      runId,
      attempt,
      outcome: end.outcome,
      durationMs: Math.max(0, clock.now() - startedAt),
      err: end.error ?? new Error("failed"),
      ...(retryAt === undefined ? {} : { retryAt: new Date(retryAt) }),
    });
  }
}
