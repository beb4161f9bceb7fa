import { assign, setup } from "xstate";
import type { SupervisorEvent } from "./events";

const unprovided = (): void => undefined;

/**
 * The runtime itself: idle → running → draining → stopped | failed. It supervises what was spawned directly, one for
 * one; when it has to give up, everything is stopped and the runtime has failed.
 */
export const rootMachine = setup({
  types: {
    context: {} as { name: string; strategy: string; restarts: number; error?: unknown },
    input: {} as { name: string; strategy: string },
    events: {} as SupervisorEvent,
  },
  actions: {
    startChildren: unprovided,
    handleExit: unprovided,
    stopChildren: unprovided,
    reportExit: unprovided,
    noteGivingUp: assign(({ event }) => (event.type === "GIVE_UP" ? { error: event.error } : {})),
    noteRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
  },
  guards: { gaveUp: ({ context }) => context.error !== undefined },
}).createMachine({
  id: "root",
  context: ({ input }) => ({ name: input.name, strategy: input.strategy, restarts: 0 }),
  initial: "idle",
  states: {
    idle: { on: { START: "running", STOP: "stopped" } },
    running: {
      entry: "startChildren",
      on: {
        CHILD_EXITED: { actions: "handleExit" },
        RESTARTING: { actions: "noteRestart" },
        GIVE_UP: { target: "draining", actions: "noteGivingUp" },
        AUTO_SHUTDOWN: "draining",
        STOP: "draining",
      },
    },
    draining: {
      entry: "stopChildren",
      on: { CHILDREN_STOPPED: [{ guard: "gaveUp", target: "failed" }, { target: "stopped" }] },
    },
    stopped: { entry: "reportExit" },
    failed: { entry: "reportExit" },
  },
});
