import { assign, setup } from "xstate";
import type { Outcome } from "../src/task";

/** What an inspector shows of one of a queue's workers. */
export interface WorkerMachineContext {
  queue: string;
  /** The id of the task in hand. */
  task?: string | undefined;
  attempt: number;
  fencingToken?: number | undefined;
  /** How the last run ended. */
  outcome?: Outcome | undefined;
  error?: string | undefined;
  runs: number;
  stopping: boolean;
}

export type WorkerEvent =
  | { type: "GIVE"; task: string }
  | { type: "CLAIMED"; attempt: number; fencingToken: number }
  | { type: "PASSED" }
  | { type: "ENDED"; outcome: Outcome; error?: string | undefined }
  | { type: "START" }
  | { type: "STOP" };

const unprovided = (): void => undefined;

/**
 * One of the fixed number of workers of a queue: idle → claiming → running → idle, or stopped.
 *
 * `claiming` takes a due task for this worker alone, or passes it up; `running` is one attempt. What becomes of the task is
 * written down while the worker goes on to the next. What fails is the task, never the worker.
 */
export const workerMachine = setup({
  types: {
    context: {} as WorkerMachineContext,
    input: {} as { queue: string },
    events: {} as WorkerEvent,
  },
  actions: {
    /** Ready for the next task: may be answered by GIVE. */
    offer: unprovided,
    /** Answers CLAIMED or PASSED. */
    claim: unprovided,
    /** Answers ENDED, once. */
    run: unprovided,
    /** Tell the supervisor that this worker has ended. */
    reportExit: unprovided,
    noteTask: assign(({ event }) => (event.type === "GIVE" ? { task: event.task } : {})),
    noteClaim: assign(({ event }) =>
      event.type === "CLAIMED" ? { attempt: event.attempt, fencingToken: event.fencingToken } : {},
    ),
    noteEnd: assign(({ event, context }) => ({
      ...(event.type === "ENDED" ? { outcome: event.outcome, error: event.error, runs: context.runs + 1 } : {}),
      task: undefined,
      attempt: 0,
      fencingToken: undefined,
    })),
    noteStop: assign({ stopping: true }),
    noteStart: assign({ stopping: false }),
  },
  guards: { stopping: ({ context }) => context.stopping },
}).createMachine({
  id: "worker",
  context: ({ input }) => ({ queue: input.queue, attempt: 0, runs: 0, stopping: false }),
  initial: "stopped",
  states: {
    idle: {
      entry: "offer",
      on: { GIVE: { target: "claiming", actions: "noteTask" }, STOP: "stopped" },
    },
    claiming: {
      entry: "claim",
      on: {
        CLAIMED: { target: "running", actions: "noteClaim" },
        PASSED: [
          { guard: "stopping", target: "stopped", actions: "noteEnd" },
          { target: "idle", actions: "noteEnd" },
        ],
        STOP: { actions: "noteStop" },
      },
    },
    running: {
      entry: "run",
      on: {
        ENDED: [
          { guard: "stopping", target: "stopped", actions: "noteEnd" },
          { target: "idle", actions: "noteEnd" },
        ],
        STOP: { actions: "noteStop" },
      },
    },
    stopped: { entry: "reportExit", on: { START: { target: "idle", actions: "noteStart" } } },
  },
});
