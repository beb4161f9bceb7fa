import { assign, setup } from "xstate";
import type { Outcome } from "../src/task";
import type { TaskEvent } from "./events";

/** What an inspector shows of a task; the record in the store is the truth behind it. Times are milliseconds of the wall. */
export interface TaskMachineContext {
  name: string;
  /** Long-lived work has no schedule: it runs as soon as it is started and its end is its supervisor's business. */
  continuous: boolean;
  nextDue?: number | undefined;
  tick?: number | undefined;
  attempt: number;
  fencingToken?: number | undefined;
  runId?: string | undefined;
  holder?: string | undefined;
  retryAt?: number | undefined;
  outcome?: Outcome | undefined;
  error?: string | undefined;
  refusal?: string | undefined;
  /** A stop was asked for; it is answered as soon as nothing runs. */
  stopping: boolean;
  paused: boolean;
  runs: number;
}

const unprovided = (): void => undefined;

/**
 * One task: idle → checking → running → backoff → finished.
 *
 * `checking` decides whether the task is due here and, in a cluster, claims the tick; `running` is one attempt, with
 * its end recorded before anything else may begin; `backoff` waits for the next attempt of the same tick (or, for
 * long-lived work, for the supervisor's restart); `finished` has nothing more to do until it is started again.
 *
 * No effect happens here: `check`, `abandonClaim`, `startRun`, `drain`, `abortRun`, `record`, `await…` and
 * `reportExit` come in through `provide`, and answer by events.
 */
export const taskMachine = setup({
  types: {
    context: {} as TaskMachineContext,
    input: {} as { name: string; continuous: boolean },
    events: {} as TaskEvent,
  },
  actions: {
    /** Decide, and claim if due: answers with exactly one verdict. */
    check: unprovided,
    /** Hand a tick that was claimed for nothing to whoever wants it. */
    abandonClaim: unprovided,
    /** Call the user's function. Answers SETTLED, and TIMED_OUT or LEASE_LOST before that where they apply. */
    startRun: unprovided,
    /** Let the run end by itself until the shutdown deadline, then abort it; long-lived work is told at once. */
    drain: unprovided,
    /** Write down how the run ended: answers RECORDED. */
    record: unprovided,
    /** Have TICK sent when the next look is due. */
    awaitTick: unprovided,
    /** Have TICK sent when the next attempt is due. */
    awaitRetry: unprovided,
    /** Nothing is to wake this task any more. */
    cancelWaiting: unprovided,
    /** Tell the supervisor that this child has ended. */
    reportExit: unprovided,
    noteClaim: assign(({ event }) =>
      event.type === "CLAIMED"
        ? {
            tick: event.tick,
            attempt: event.attempt,
            fencingToken: event.fencingToken,
            runId: event.runId,
            holder: undefined,
            retryAt: undefined,
            refusal: undefined,
          }
        : {},
    ),
    noteEnd: assign(({ event, context }) =>
      event.type === "SETTLED"
        ? { outcome: event.outcome, error: event.error, runs: context.runs + 1, runId: undefined }
        : {},
    ),
    noteWaiting: assign(({ event }) => {
      if (event.type !== "RECORDED") return {};
      if (event.then === "backoff") return { retryAt: event.retryAt };
      return event.then === "idle" ? { nextDue: event.nextDue } : {};
    }),
    noteStop: assign({ stopping: true }),
  },
  guards: {
    stopping: ({ context }) => context.stopping,
    paused: ({ context }) => context.paused,
    continuous: ({ context }) => context.continuous,
    looksAgain: ({ event }) => event.type === "RECORDED" && event.then === "look",
    finishes: ({ event }) => event.type === "RECORDED" && event.then === "finished",
    goesToBackoff: ({ event }) => event.type === "RECORDED" && event.then === "backoff",
  },
}).createMachine({
  id: "task",
  context: ({ input }) => ({
    name: input.name,
    continuous: input.continuous,
    attempt: 0,
    stopping: false,
    paused: false,
    runs: 0,
  }),
  initial: "idle",
  states: {
    idle: {
      initial: "unstarted",
      on: {
        STOP: "finished",
        TRIGGER: "checking",
        PAUSE: { target: ".paused", actions: assign({ paused: true }) },
      },
      states: {
        unstarted: {
          on: { START: "#task.checking", PAUSE: { actions: assign({ paused: true }) }, TRIGGER: {} },
        },
        waiting: { entry: "awaitTick", on: { TICK: "#task.checking", CHANGED: "#task.checking" } },
        heldElsewhere: { entry: "awaitTick", on: { TICK: "#task.checking", CHANGED: "#task.checking" } },
        unreachable: { entry: "awaitTick", on: { TICK: "#task.checking", CHANGED: "#task.checking" } },
        refused: { entry: "awaitTick", on: { TICK: "#task.checking", CHANGED: "#task.checking" } },
        paused: {
          entry: "cancelWaiting",
          on: { RESUME: { target: "#task.checking", actions: assign({ paused: false }) } },
        },
      },
    },
    checking: {
      entry: ["cancelWaiting", "check"],
      on: {
        CLAIMED: [
          { guard: "stopping", target: "finished", actions: ["noteClaim", "abandonClaim"] },
          { target: "running", actions: "noteClaim" },
        ],
        NOT_DUE: [
          { guard: "stopping", target: "finished" },
          { guard: "paused", target: "idle.paused" },
          {
            target: "idle.waiting",
            actions: assign({ nextDue: ({ event }) => event.nextDue, holder: undefined, refusal: undefined }),
          },
        ],
        HELD: [
          { guard: "stopping", target: "finished" },
          { guard: "paused", target: "idle.paused" },
          { target: "idle.heldElsewhere", actions: assign({ holder: ({ event }) => event.holder }) },
        ],
        RETRY_DUE_LATER: [
          { guard: "stopping", target: "finished" },
          { guard: "paused", target: "idle.paused" },
          { target: "backoff", actions: assign({ retryAt: ({ event }) => event.retryAt, holder: undefined }) },
        ],
        UNREACHABLE: [{ guard: "stopping", target: "finished" }, { target: "idle.unreachable" }],
        REFUSED: [
          { guard: "stopping", target: "finished" },
          { target: "idle.refused", actions: assign({ refusal: ({ event }) => event.reason }) },
        ],
        EXHAUSTED: "finished",
        PAUSE: { actions: assign({ paused: true }) },
        RESUME: { actions: assign({ paused: false }) },
        STOP: { actions: "noteStop" },
      },
    },
    running: {
      entry: "startRun",
      initial: "active",
      on: {
        PAUSE: { actions: assign({ paused: true }) },
        RESUME: { actions: assign({ paused: false }) },
        STOP: { actions: ["noteStop", "drain"] },
      },
      states: {
        active: {
          on: { SETTLED: { target: "recording", actions: "noteEnd" }, TIMED_OUT: "overrun", LEASE_LOST: "overrun" },
        },
        /** Told to end, but its function has not returned yet: nothing else may start meanwhile. */
        overrun: { on: { SETTLED: { target: "recording", actions: "noteEnd" }, LEASE_LOST: {} } },
        recording: {
          entry: "record",
          on: {
            RECORDED: [
              { guard: "stopping", target: "#task.finished" },
              { guard: "looksAgain", target: "#task.checking" },
              { guard: "goesToBackoff", target: "#task.backoff", actions: "noteWaiting" },
              { guard: "finishes", target: "#task.finished" },
              { guard: "paused", target: "#task.idle.paused", actions: "noteWaiting" },
              { target: "#task.idle.waiting", actions: "noteWaiting" },
            ],
          },
        },
      },
    },
    backoff: {
      entry: "awaitRetry",
      on: {
        TICK: "checking",
        CHANGED: "checking",
        TRIGGER: "checking",
        START: "checking",
        PAUSE: { target: "idle.paused", actions: assign({ paused: true }) },
        STOP: "finished",
      },
    },
    finished: {
      entry: ["cancelWaiting", "reportExit"],
      exit: assign({ stopping: false }),
      on: {
        START: "checking",
        AWAIT_RESTART: { target: "backoff", actions: assign({ retryAt: ({ event }) => event.retryAt }) },
      },
    },
  },
});
