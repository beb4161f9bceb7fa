import type { AnyActorLogic, AnyActorRef } from "xstate";
import { rootMachine } from "../../machines/root";
import { supervisorMachine } from "../../machines/supervisor";
import type { SupervisorEvent } from "../../machines/events";
import type { Retry } from "../rules/backoff";
import type { Intensity } from "../rules/intensity";
import type { AutoShutdown, RestartKind, Strategy } from "../rules/restart";
import { toError } from "../errors";
import type { Child, OnExit } from "./child";
import { Children } from "./children";
import type { Host } from "./host";
import { spawnActor, stopActor } from "./spawn";
import { escaped } from "../validate";

/** A checked supervisor: who it is, by which rules it goes, and how its children are made. */
export interface SupervisorPlan {
  name: string;
  strategy: Strategy;
  intensity: Intensity;
  autoShutdown: AutoShutdown;
  restart: RestartKind;
  significant: boolean;
  retry: Retry;
  /** Makes the children anew, in order: a supervisor that is restarted begins from its specs. */
  makeChildren: (parent: AnyActorRef, onExit: OnExit) => Child[];
}

const owners = new WeakMap<AnyActorRef, SupervisorChild>();
type Self = { self: AnyActorRef };

const actions = {
  startChildren: ({ self }: Self): void => owners.get(self)?.startChildren(),
  handleExit: ({ event, self }: Self & { event: SupervisorEvent }): void => {
    if (event.type === "CHILD_EXITED") owners.get(self)?.children.exited(event.child, event.how, event.error);
  },
  stopChildren: ({ self }: Self): void => owners.get(self)?.stopChildren(),
  reportExit: ({ self, context }: Self & { context: { error?: unknown } }): void =>
    owners.get(self)?.reportExit(context.error),
};
const supervisorLogic = supervisorMachine.provide({ actions });
export const rootLogic = rootMachine.provide({ actions });

/** A branch of the tree, or its root: its actor's states say what it is doing, its {@link Children} do it. */
export class SupervisorChild implements Child {
  readonly name: string;
  readonly restart: RestartKind;
  readonly significant: boolean;
  readonly retry: Retry;
  readonly actor: AnyActorRef;
  readonly children: Children;
  readonly #plan: SupervisorPlan;
  readonly #onExit: OnExit;
  #fresh = true;
  #stopped: { promise: Promise<void>; resolve: () => void } | undefined;

  /** @param actor given for the root, whose actor is made with the system; others are spawned under `parent`. */
  constructor(plan: SupervisorPlan, host: Host, parent: AnyActorRef | { root: AnyActorRef }, onExit: OnExit) {
    this.#plan = plan;
    this.#onExit = onExit;
    this.name = plan.name;
    this.restart = plan.restart;
    this.significant = plan.significant;
    this.retry = plan.retry;
    this.actor =
      "root" in parent
        ? parent.root
        : spawnActor(parent, supervisorLogic as AnyActorLogic, plan.name, { name: plan.name, strategy: plan.strategy });
    owners.set(this.actor, this);
    this.children = new Children({
      ...host,
      owner: plan.name,
      strategy: plan.strategy,
      intensity: plan.intensity,
      autoShutdown: plan.autoShutdown,
      onRestarting: () => this.#send({ type: "RESTARTING" }),
      onRestarted: () => this.#send({ type: "RESTARTED" }),
      onGiveUp: (error) => {
        host.report.tell({ type: "gaveUp", task: plan.name, err: error });
        this.#send({ type: "GIVE_UP", error });
      },
      onAutoShutdown: () => this.#send({ type: "AUTO_SHUTDOWN" }),
    });
    for (const child of plan.makeChildren(this.actor, this.childExited)) this.children.add(child);
  }

  /** Children tell their ends through the actor's mailbox, so that they are dealt with one after another. */
  readonly childExited: OnExit = (child, how, error) => {
    this.#send({ type: "CHILD_EXITED", child: child.name, how, error });
  };

  start(): void {
    this.#stopped = undefined;
    if (!this.#fresh) {
      this.children.disposeAll();
      for (const child of this.#plan.makeChildren(this.actor, this.childExited)) this.children.add(child);
    }
    this.#fresh = false;
    this.#send({ type: "START" });
  }

  awaitRestart(): void {
    // A supervisor shows its restart by its state; there is nothing to wait for in it.
  }

  drain(): void {
    for (const child of this.children) child.drain();
  }

  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.#stopped = { promise, resolve };
      if (this.ended) resolve();
      else this.#send({ type: "STOP" });
    }
    return this.#stopped.promise;
  }

  hurry(): void {
    this.children.hurry();
  }

  dispose(): void {
    this.children.disposeAll();
    stopActor(this.actor);
  }

  get state(): string {
    return (this.actor.getSnapshot() as { value: string }).value;
  }

  get error(): unknown {
    return (this.actor.getSnapshot() as { context: { error?: unknown } }).context.error;
  }

  get ended(): boolean {
    return this.state === "stopped" || this.state === "failed";
  }

  find(name: string): Child | undefined {
    return this.children.find(name);
  }

  lines(): string[] {
    const below = [...this.children].map((child) => child.lines()).filter((lines) => lines.length > 0);
    const drawn = below.flatMap((lines, index) => {
      const last = index === below.length - 1;
      return lines.map((line, at) => (at === 0 ? (last ? "└─ " : "├─ ") : last ? "   " : "│  ") + line);
    });
    return [`${escaped(this.name)} (${this.#plan.strategy}, ${this.state})`, ...drawn];
  }

  // What the statechart asks for.

  startChildren(): void {
    this.children.startAll();
    this.#send({ type: "CHILDREN_STARTED" });
  }

  stopChildren(): void {
    void this.children.stopAll().then(() => this.#send({ type: "CHILDREN_STOPPED" }));
  }

  reportExit(error: unknown): void {
    if (this.#stopped !== undefined) this.#stopped.resolve();
    else {
      // Not from within the actor's own step: the parent may stop this actor in answer.
      queueMicrotask(() => {
        if (error === undefined) this.#onExit(this, "success");
        else this.#onExit(this, "failure", toError(error));
      });
    }
  }

  #send(event: SupervisorEvent): void {
    this.actor.send(event);
  }
}
