import { assign, setup } from "xstate";
import type { Outcome } from "../src/task";
import type { TaskEvent } from "./events";

/** Why a task that waits, or has finished, does not run now. */
export type IdleReason =
  | "unstarted"
  | "notDue"
  | "paused"
  | "heldElsewhere"
  | "storeUnreachable"
  | "newerRecord"
  | "brokenSchedule"
  | "exhausted";

/** What an inspector shows of a task; the record in the store is the truth behind it. Times are milliseconds of the wall. */
export interface TaskMachineContext {
  name: string;
  /** Long-lived work has no schedule: it runs as soon as it is started and its end is its supervisor's business. */
  continuous: boolean;
  because: IdleReason;
  nextDue?: number | undefined;
  tick?: number | undefined;
  attempt: number;
  fencingToken?: number | undefined;
  runId?: string | undefined;
  /** The run was told to end before it had: its function has not returned yet. */
  cutShortBy?: "timeout" | "lostLease" | undefined;
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
 * `idle` waits, and its context says for what; `checking` decides whether the task is due here and, in a cluster,
 * claims the tick; `running` is one attempt, with its end recorded before anything else may begin; `backoff` waits for
 * the next attempt of the same tick (or, for long-lived work, for the supervisor's restart); `finished` has nothing
 * more to do until it is started again; where its schedule has no further tick, a trigger still runs it. The states are flat and one event makes one step, because a process may hold
 * ten thousand of these.
 *
 * No effect happens here: `awaitTick`, `check`, `abandonClaim`, `startRun`, `drain`, `awaitRetry` and `reportExit` come
 * in through `provide`, and answer by events.
 */
export const taskMachine = setup({
  types: {
    context: {} as TaskMachineContext,
    input: {} as { name: string; continuous: boolean },
    events: {} as TaskEvent,
  },
  actions: {
    /** Have TICK sent when the next look is due; none while unstarted or paused. */
    awaitTick: unprovided,
    /** Stop waiting; decide, and claim if due. Answers with exactly one verdict. */
    check: unprovided,
    /** Hand a tick that was claimed for nothing to whoever wants it. */
    abandonClaim: unprovided,
    /** Call the user's function and write down how it ended. Answers RECORDED, and TIMED_OUT or LEASE_LOST before that. */
    startRun: unprovided,
    /** Let the run end by itself until the shutdown deadline, then abort it; long-lived work is told at once. */
    drain: unprovided,
    /** Have TICK sent when the next attempt is due. */
    awaitRetry: unprovided,
    /** Nothing is to wake this task any more: tell the supervisor that this child has ended. */
    reportExit: unprovided,
    noteStart: assign({ because: ({ context }) => (context.paused ? "paused" : "notDue") }),
    notePause: assign({ paused: true, because: ({ context }) => pausedUnlessUnstarted(context) }),
    noteResume: assign({ paused: false }),
    noteStop: assign({ stopping: true }),
    noteRestart: assign({ stopping: false }),
    noteRestartDelay: assign(({ event }) => (event.type === "AWAIT_RESTART" ? { retryAt: event.retryAt } : {})),
    noteTimeout: assign({ cutShortBy: "timeout" }),
    noteLostLease: assign({ cutShortBy: "lostLease" }),
    noteVerdict: assign(({ context, event }): Partial<TaskMachineContext> => {
      const because = (reason: IdleReason): IdleReason => (context.paused ? "paused" : reason);
      switch (event.type) {
        case "NOT_DUE":
          return { because: because("notDue"), nextDue: event.nextDue, holder: undefined, refusal: undefined };
        case "HELD":
          return { because: because("heldElsewhere"), holder: event.holder };
        case "RETRY_DUE_LATER":
          return { because: because("notDue"), retryAt: event.retryAt, holder: undefined };
        case "UNREACHABLE":
          return { because: because("storeUnreachable") };
        case "PAUSED":
          return { because: "paused", nextDue: undefined };
        case "REFUSED":
          return { because: because(event.because ?? "newerRecord"), refusal: event.reason };
        case "EXHAUSTED":
          return { because: "exhausted", nextDue: undefined, holder: undefined, refusal: undefined };
        default:
          return {};
      }
    }),
    noteClaim: assign(({ event }): Partial<TaskMachineContext> => {
      if (event.type !== "CLAIMED") return {};
      const { tick, attempt, fencingToken, runId } = event;
      return { tick, attempt, fencingToken, runId, holder: undefined, retryAt: undefined, refusal: undefined };
    }),
    noteEnd: assign(({ event, context }): Partial<TaskMachineContext> => {
      if (event.type !== "RECORDED") return {};
      const isExhausted = event.then === "finished" && !context.continuous;
      return {
        because: isExhausted ? "exhausted" : context.paused ? "paused" : "notDue",
        outcome: event.outcome,
        error: event.error,
        runs: context.runs + 1,
        runId: undefined,
        cutShortBy: undefined,
        ...(event.then === "idle" ? { nextDue: event.nextDue } : {}),
        ...(event.then === "backoff" ? { retryAt: event.retryAt } : {}),
      };
    }),
  },
  guards: {
    started: ({ context }) => context.because !== "unstarted",
    stopping: ({ context }) => context.stopping,
    paused: ({ context }) => context.paused,
    exhausted: ({ context }) => context.because === "exhausted",
    looksAgain: ({ event }) => event.type === "RECORDED" && event.then === "look",
    finishes: ({ event }) => event.type === "RECORDED" && event.then === "finished",
    backsOff: ({ event }) => event.type === "RECORDED" && event.then === "backoff",
  },
}).createMachine({
  id: "task",
  context: ({ input }) => ({
    name: input.name,
    continuous: input.continuous,
    because: "unstarted",
    attempt: 0,
    stopping: false,
    paused: false,
    runs: 0,
  }),
  initial: "idle",
  states: {
    idle: {
      entry: "awaitTick",
      on: {
        START: { target: "checking", actions: "noteStart" },
        TICK: "checking",
        CHANGED: "checking",
        TRIGGER: { guard: "started", target: "checking" },
        PAUSE: { target: "idle", reenter: true, actions: "notePause" },
        RESUME: [{ guard: "started", target: "checking", actions: "noteResume" }, { actions: "noteResume" }],
        STOP: "finished",
      },
    },
    checking: {
      entry: "check",
      on: {
        CLAIMED: [
          { guard: "stopping", target: "finished", actions: ["noteClaim", "abandonClaim"] },
          { target: "running", actions: "noteClaim" },
        ],
        NOT_DUE: [
          { guard: "stopping", target: "finished" },
          { target: "idle", actions: "noteVerdict" },
        ],
        HELD: [
          { guard: "stopping", target: "finished" },
          { target: "idle", actions: "noteVerdict" },
        ],
        UNREACHABLE: [
          { guard: "stopping", target: "finished" },
          { target: "idle", actions: "noteVerdict" },
        ],
        REFUSED: [
          { guard: "stopping", target: "finished" },
          { target: "idle", actions: "noteVerdict" },
        ],
        PAUSED: [
          { guard: "stopping", target: "finished" },
          { target: "idle", actions: "noteVerdict" },
        ],
        RETRY_DUE_LATER: [
          { guard: "stopping", target: "finished" },
          { guard: "paused", target: "idle", actions: "noteVerdict" },
          { target: "backoff", actions: "noteVerdict" },
        ],
        EXHAUSTED: [
          { guard: "stopping", target: "finished" },
          { target: "finished", actions: "noteVerdict" },
        ],
        PAUSE: { actions: "notePause" },
        RESUME: { actions: "noteResume" },
        STOP: { actions: "noteStop" },
      },
    },
    running: {
      entry: "startRun",
      on: {
        RECORDED: [
          { guard: "stopping", target: "finished", actions: "noteEnd" },
          { guard: "looksAgain", target: "checking", actions: "noteEnd" },
          { guard: "backsOff", target: "backoff", actions: "noteEnd" },
          { guard: "finishes", target: "finished", actions: "noteEnd" },
          { target: "idle", actions: "noteEnd" },
        ],
        TIMED_OUT: { actions: "noteTimeout" },
        LEASE_LOST: { actions: "noteLostLease" },
        PAUSE: { actions: "notePause" },
        RESUME: { actions: "noteResume" },
        STOP: { actions: ["noteStop", "drain"] },
      },
    },
    backoff: {
      entry: "awaitRetry",
      on: {
        START: "checking",
        TICK: "checking",
        CHANGED: "checking",
        TRIGGER: "checking",
        PAUSE: { target: "idle", actions: "notePause" },
        STOP: "finished",
      },
    },
    finished: {
      entry: "reportExit",
      exit: "noteRestart",
      on: {
        START: "checking",
        CHANGED: { guard: "exhausted", target: "checking" },
        TRIGGER: { guard: "exhausted", target: "checking" },
        AWAIT_RESTART: { target: "backoff", actions: "noteRestartDelay" },
      },
    },
  },
});

function pausedUnlessUnstarted({ because }: TaskMachineContext): IdleReason {
  return because === "unstarted" ? because : "paused";
}
