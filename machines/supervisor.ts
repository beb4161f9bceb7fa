import { assign, setup } from "xstate";
import type { SupervisorEvent } from "./events";

/** What an inspector shows of a supervisor. */
export interface SupervisorMachineContext {
  name: string;
  strategy: string;
  restarts: number;
  error?: unknown;
}

const unprovided = (): void => undefined;

/**
 * A supervisor: idle → starting → supervising ⇄ restarting → stopping → stopped | failed.
 *
 * Which children a failure touches is decided by `rules/restart` and `rules/intensity`; the effects here only carry it
 * out and answer by events. A supervisor that gave up has stopped its children before it fails to its parent.
 */
export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorMachineContext,
    input: {} as { name: string; strategy: string },
    events: {} as SupervisorEvent,
  },
  actions: {
    /** Start every child in order: answers CHILDREN_STARTED. */
    startChildren: unprovided,
    /** Decide what a child's end means: answers RESTARTING, GIVE_UP, AUTO_SHUTDOWN or nothing. */
    handleExit: unprovided,
    /** Stop every child in reverse order: answers CHILDREN_STOPPED. */
    stopChildren: unprovided,
    /** Tell the parent how this supervisor ended. */
    reportExit: unprovided,
    forgetError: assign({ error: undefined }),
    noteGivingUp: assign(({ event }) => (event.type === "GIVE_UP" ? { error: event.error } : {})),
    noteRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
  },
  guards: { gaveUp: ({ context }) => context.error !== undefined },
}).createMachine({
  id: "supervisor",
  context: ({ input }) => ({ name: input.name, strategy: input.strategy, restarts: 0 }),
  initial: "idle",
  states: {
    idle: { on: { START: "starting", STOP: "stopped" } },
    starting: {
      entry: ["forgetError", "startChildren"],
      on: {
        CHILDREN_STARTED: "supervising",
        CHILD_EXITED: { actions: "handleExit" },
        GIVE_UP: { target: "stopping", actions: "noteGivingUp" },
        AUTO_SHUTDOWN: "stopping",
        STOP: "stopping",
      },
    },
    supervising: {
      on: {
        CHILD_EXITED: { actions: "handleExit" },
        RESTARTING: { target: "restarting", actions: "noteRestart" },
        GIVE_UP: { target: "stopping", actions: "noteGivingUp" },
        AUTO_SHUTDOWN: "stopping",
        STOP: "stopping",
      },
    },
    restarting: {
      on: {
        CHILD_EXITED: { actions: "handleExit" },
        RESTARTING: { actions: "noteRestart" },
        RESTARTED: "supervising",
        GIVE_UP: { target: "stopping", actions: "noteGivingUp" },
        AUTO_SHUTDOWN: "stopping",
        STOP: "stopping",
      },
    },
    stopping: {
      entry: "stopChildren",
      on: { CHILDREN_STOPPED: [{ guard: "gaveUp", target: "failed" }, { target: "stopped" }] },
    },
    stopped: { entry: "reportExit", on: { START: "starting" } },
    failed: { entry: "reportExit", on: { START: "starting" } },
  },
});
