import type { AnyActorRef } from "xstate";
import { workerMachine, type WorkerEvent } from "../../machines/worker";
import type { Retry } from "../rules/backoff";
import type { Child } from "../supervision/child";
import { spawnActor, stopActor } from "../supervision/spawn";
import type { AssignedRun } from "./assigned-run";

/** To whom a worker says that it is free, and what it has done. */
export interface Employer {
  free(worker: Worker): void;
  began(run: AssignedRun, lateBy: number): void;
  /** It was passed up: there was nothing to run. */
  passed(run: AssignedRun): void;
  ended(run: AssignedRun, outcome: string): void;
}

const workers = new WeakMap<AnyActorRef, Worker>();
type Self = { self: AnyActorRef };

const logic = workerMachine.provide({
  actions: {
    offer: ({ self }: Self) => workers.get(self)?.offer(),
    claim: ({ self }: Self) => workers.get(self)?.claim(),
    run: ({ self }: Self) => workers.get(self)?.run(),
    reportExit: ({ self }: Self) => workers.get(self)?.exited(),
  },
});

/** One worker of a queue: its actor says what it is doing, its present {@link AssignedRun} does it. */
export class Worker implements Child {
  readonly name: string;
  readonly restart = "permanent";
  readonly significant = false;
  readonly retry: Retry;
  readonly actor: AnyActorRef;
  readonly #employer: Employer;
  #run: AssignedRun | undefined;
  #stopped: (() => void) | undefined;
  #stopping: Promise<void> | undefined;
  #isGivenUp = false;

  constructor(name: string, queue: string, retry: Retry, parent: AnyActorRef, employer: Employer) {
    this.name = name;
    this.retry = retry;
    this.#employer = employer;
    this.actor = spawnActor(parent, logic, name, { queue });
    workers.set(this.actor, this);
  }

  give(run: AssignedRun): void {
    this.#run = run;
    this.#send({ type: "GIVE", task: run.id });
  }

  start(): void {
    this.#stopping = undefined;
    this.#send({ type: "START" });
  }

  awaitRestart(): void {
    // A worker outlives whatever fails in it: only its supervisor's end ends it.
  }

  drain(): void {
    void this.stop();
  }

  /** Whether it takes a task now. */
  get isFree(): boolean {
    return this.#stopping === undefined && this.#state === "idle";
  }

  stop(): Promise<void> {
    return (this.#stopping ??= new Promise((resolve) => {
      this.#stopped = resolve;
      if (this.#isGivenUp || this.#state === "stopped") resolve();
      else this.#send({ type: "STOP" });
    }));
  }

  hurry(): void {
    // The queue aborts what runs, and gives up what does not end.
  }

  /** No longer waited for: its run does not end. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#stopped?.();
  }

  dispose(): void {
    stopActor(this.actor);
  }

  find(): undefined {
    return undefined;
  }

  lines(): string[] {
    return [];
  }

  // What the statechart asks for.

  offer(): void {
    // Not from within the actor's own step: the answer is its next event.
    void Promise.resolve().then(() => this.#employer.free(this));
  }

  claim(): void {
    const run = this.#run as AssignedRun;
    void run.claim().then((claim) => {
      if (claim === undefined) {
        this.#employer.passed(run);
        this.#send({ type: "PASSED" });
        return;
      }
      const { attempt, fencingToken, lateBy } = claim;
      this.#employer.began(run, lateBy);
      this.#send({ type: "CLAIMED", attempt, fencingToken });
    });
  }

  run(): void {
    const run = this.#run as AssignedRun;
    run.run(({ outcome, error }) => {
      this.#run = undefined;
      this.#employer.ended(run, outcome);
      this.#send({ type: "ENDED", outcome, error: error?.message });
    });
  }

  exited(): void {
    this.#stopped?.();
  }

  get #state(): string {
    return (this.actor.getSnapshot() as { value: string }).value;
  }

  #send(event: WorkerEvent): void {
    this.actor.send(event);
  }
}
