import type { AnyActorRef } from "xstate";
import { taskMachine } from "../../machines/task";
import type { TaskEvent } from "../../machines/events";
import type { TaskMachineContext } from "../../machines/task";

/** What `machines/task` asks for; whoever owns the actor does it. */
export interface TaskEffects {
  check(context: TaskMachineContext, event: TaskEvent): void;
  abandonClaim(): void;
  startRun(): void;
  drainRun(): void;
  awaitTick(context: TaskMachineContext): void;
  awaitRetry(context: TaskMachineContext): void;
  reportExit(context: TaskMachineContext): void;
}

/** One machine serves every task, so that a task costs an actor and not a machine; each actor's effects are looked up here. */
const owners = new WeakMap<AnyActorRef, TaskEffects>();

/** Gives an actor of {@link taskLogic} its effects. To be called before any event is sent to it. */
export function own(actor: AnyActorRef, effects: TaskEffects): void {
  owners.set(actor, effects);
}

type Self = { self: AnyActorRef };

export const taskLogic = taskMachine.provide({
  actions: {
    check: ({ self, context, event }) => owners.get(self)?.check(context, event),
    abandonClaim: ({ self }: Self) => owners.get(self)?.abandonClaim(),
    startRun: ({ self }: Self) => owners.get(self)?.startRun(),
    drain: ({ self }: Self) => owners.get(self)?.drainRun(),
    awaitTick: ({ self, context }) => owners.get(self)?.awaitTick(context),
    awaitRetry: ({ self, context }) => owners.get(self)?.awaitRetry(context),
    reportExit: ({ self, context }) => owners.get(self)?.reportExit(context),
  },
});
