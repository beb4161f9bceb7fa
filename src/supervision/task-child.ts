import type { AnyActorRef } from "xstate";
import type { TaskEvent, Verdict } from "../../machines/events";
import type { TaskMachineContext } from "../../machines/task";
import { ShutdownError, toError } from "../errors";
import type { Retry } from "../rules/backoff";
import type { RestartKind } from "../rules/restart";
import type { Child, OnExit } from "./child";
import type { Claims } from "./claims";
import { Decisions } from "./decisions";
import { Exit } from "./exit";
import type { Host } from "./host";
import { Overdue } from "./overdue";
import { RunReport } from "./run-report";
import { resultOf, startRun, type RunEnd } from "./run";
import { nextIfAny } from "../schedules/checked";
import { abortContext, contextFor, type Progress, type RunContext } from "./run-context";
import { spawnActor, stopActor } from "./spawn";
import { Stopping } from "./stopping";
import type { ParsedSpec } from "./spec";
import { claimsOf } from "./task-claims";
import { own, taskLogic, type TaskEffects } from "./task-actor";
import { Trigger, type TriggerResult } from "./trigger";
import { Wait } from "./wait";
import { escaped, quoted } from "../validate";

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
  readonly decisions: Decisions;
  progress: Progress | undefined;
  readonly spec: ParsedSpec;
  readonly #host: Host;
  readonly #exit: Exit;
  readonly #unlisten: () => void;
  readonly #wait: Wait;
  readonly #runReport: RunReport;
  readonly #stopping: Stopping;
  /** Of the run that has not settled yet. */
  #context: RunContext | undefined;
  #end: RunEnd = { outcome: "succeeded" };
  #verdict: Verdict | undefined;
  #isDisposed = false;

  constructor(spec: ParsedSpec, host: Host, parent: AnyActorRef, onExit: OnExit) {
    this.name = spec.name;
    this.restart = spec.restart;
    this.significant = spec.significant;
    this.retry = spec.retry;
    this.spec = spec;
    this.#host = host;
    this.#exit = new Exit(spec, host, (how, error) => onExit(this, how, error));
    const key = `task.${spec.name}`;
    this.claims = claimsOf(key, spec, host, {
      onLost: (error) => {
        this.#abortRun(error);
        this.#send({ type: "LEASE_LOST" });
      },
      warn: (message, error) => this.#warn(message, error),
      onAhead: (reason) => this.overdue.now(reason),
    });
    this.decisions = new Decisions(spec, host);
    this.overdue = new Overdue(spec, host);
    this.#wait = new Wait(spec, host, this.overdue, () => this.#send({ type: "TICK" }));
    this.#runReport = new RunReport(spec.name, host.report);
    this.#stopping = new Stopping({
      clock: host.clock,
      shutdown: spec.shutdown,
      continuous: spec.rule === undefined,
      abort: () => this.#abortRun(new ShutdownError(`${quoted(spec.name)} is being stopped`)),
      onGivenUp: () => this.#givenUp(),
    });
    this.actor = spawnActor(parent, taskLogic, spec.name, { name: spec.name, continuous: spec.rule === undefined });
    own(this.actor, this);
    this.trigger = new Trigger(this.actor);
    this.#unlisten = host.onRecordChange(spec.exclusive, key, () => {
      if (this.#wait.active) this.#send({ type: "CHANGED" });
    });
  }

  start(): void {
    this.#stopping.reset();
    this.#host.formerRuns.whenEnded(this.name, () => {
      if (this.#stopping.requested) return;
      this.#exit.started();
      this.claims.started();
      this.#send({ type: "START" });
    });
  }

  awaitRestart(at: number): void {
    this.#send({ type: "AWAIT_RESTART", retryAt: at });
  }

  drain(): void {
    // Long-lived work goes on until its turn; scheduled work that is not running has nothing to lose.
    if (this.spec.rule !== undefined) void this.stop();
  }

  stop(): Promise<void> {
    return this.#stopping.request(() => {
      this.trigger.stopped();
      if (this.state === "finished") this.#stopping.ended();
      else this.#send({ type: "STOP" });
    });
  }

  hurry(): void {
    this.#stopping.hurry();
    if (!this.#stopping.requested) return;
    if (this.state === "running") this.drainRun();
    else if (this.state === "checking") this.#stopping.giveUp();
  }

  dispose(): void {
    this.#isDisposed = true;
    this.trigger.stopped();
    this.#wait.end();
    this.overdue.forget();
    this.#stopping.ended();
    this.#unlisten();
    stopActor(this.actor);
  }

  find(): undefined {
    return undefined;
  }

  lines(): string[] {
    return [`${escaped(this.name)} (${this.state})`];
  }

  get state(): string {
    return (this.actor.getSnapshot() as { value: string }).value;
  }

  get context(): TaskMachineContext {
    return (this.actor.getSnapshot() as { context: TaskMachineContext }).context;
  }

  /** On this node, or in the whole cluster. */
  get paused(): boolean {
    return this.context.paused || this.claims.record?.paused === true;
  }

  requestRun(): Promise<TriggerResult> {
    const gone = this.#isDisposed || this.#stopping.requested;
    return this.trigger.request(this.state, this.context.because, gone);
  }

  pause(): void {
    this.overdue.forget();
    this.#send({ type: "PAUSE" });
  }

  resume(): void {
    this.#send({ type: "RESUME" });
  }

  check(context: TaskMachineContext, event: TaskEvent): void {
    this.#wait.end();
    const triggered = this.trigger.taken(event.type === "TRIGGER");
    if (context.paused && !triggered) {
      this.decisions.pausedHere();
      this.#send({ type: "NOT_DUE", nextDue: Infinity });
      return;
    }
    this.claims.check(triggered, (verdict) => {
      this.#verdict = verdict;
      this.decisions.note(verdict, this.claims.record);
      if (verdict.type === "HELD") this.overdue.began(false, undefined);
      if (verdict.type === "REFUSED" && context.refusal === undefined) {
        this.#warn(`${quoted(this.name)} does not run here: ${verdict.reason}`);
      }
      this.trigger.answered(verdict);
      this.#send(verdict);
      this.trigger.retry();
    });
  }

  abandonClaim(): void {
    void this.claims.end({ outcome: "aborted" }, this.#host.clock.now());
  }

  startRun(): void {
    const { claims, name } = this;
    const record = claims.record;
    if (record === undefined) return;
    const { runId, attempt, tick } = record;
    const { clock, report, alarms } = this.#host;
    const schedule = this.spec.rule?.schedule;
    this.progress = undefined;
    const token = claims.token ?? 0;
    const context = contextFor(this.#host, name, record, token, (progress) => {
      this.progress = progress;
      report.tell({ type: "progress", task: name, runId, attempt, ...progress });
    });
    if (schedule !== undefined) this.overdue.began(true, nextIfAny(schedule, Math.max(tick ?? 0, 0)));
    this.#runReport.started(runId, record.startedAt ?? 0, context);
    this.#context = context;
    startRun({
      task: this.spec.run,
      context,
      timeout: this.spec.timeout,
      clock,
      onTimeout: (error) => {
        claims.letExpire();
        this.#runReport.timedOut(error, clock.now());
        this.#send({ type: "TIMED_OUT" });
      },
      onSettled: (end) => {
        this.#end = end;
        this.#context = undefined;
        const endedAt = clock.now();
        alarms.yielding(() => this.#record(end, endedAt));
      },
    });
  }

  #abortRun(reason: Error): void {
    if (this.#context !== undefined) abortContext(this.#context, reason);
  }

  drainRun(): void {
    this.#stopping.drainRun();
  }

  #record(end: RunEnd, endedAt: number): void {
    this.overdue.ended();
    void this.claims.end(resultOf(end), endedAt).then(({ stored, afterwards }) => {
      this.#runReport.ended(end, endedAt, stored, afterwards.then === "backoff" ? afterwards.retryAt : undefined);
      this.trigger.ended(end.outcome, end.error);
      if (afterwards.then === "idle") this.#verdict = { type: "NOT_DUE", nextDue: afterwards.nextDue };
      this.#send({ type: "RECORDED", ...afterwards, outcome: end.outcome, error: end.error?.message });
      this.#host.formerRuns.ended(this.name);
    });
  }

  awaitTick({ because, paused }: TaskMachineContext): void {
    this.#wait.end();
    if (because === "unstarted" || paused) return;
    this.#wait.afterVerdict(this.#verdict, this.claims.record?.previousRun?.runId);
  }

  awaitRetry({ retryAt, continuous }: TaskMachineContext): void {
    this.#wait.end();
    if (retryAt !== undefined && !continuous) this.#wait.until(retryAt);
  }

  reportExit({ because }: TaskMachineContext): void {
    this.#wait.end();
    this.overdue.forget();
    this.#stopping.ended();
    if (this.#stopping.requested || this.#host.formerRuns.has(this.name)) return;
    if (because === "exhausted") {
      // It can still be triggered, here or through its record.
      this.#wait.active = true;
      this.decisions.note({ type: "EXHAUSTED" }, this.claims.record);
    }
    this.#exit.report(because, this.#end);
  }

  #send(event: TaskEvent): void {
    this.actor.send(event);
  }

  #warn(message: string, error?: unknown): void {
    const err = error === undefined ? {} : { err: toError(error) };
    this.#host.report.tell({ type: "warning", task: this.name, message, ...err });
  }

  /** `S5`: nothing waits for ever. */
  #givenUp(): void {
    this.#host.formerRuns.givenUp(this.name, this.#context !== undefined);
    this.claims.giveUp();
  }
}
