import { readHistory } from "../rules/history";
import type { Child } from "./child";
import type { Decision } from "./decision";
import { summarize, type Progress } from "./run-context";
import type { TaskChild } from "./task-child";
import type { SupervisorChild } from "./supervisor-child";
import type { TriggerResult } from "./trigger";
import type { RunSummary } from "../task";

/** The five states of `machines/task`. */
export type TaskState = "idle" | "checking" | "running" | "backoff" | "finished";

/** What a task is doing, as far as this node knows; dates are the wall's. */
export interface TaskStatus {
  name: string;
  state: TaskState;
  /** The schedule as it is written in code; undefined for long-lived work. */
  schedule?: string;
  paused: boolean;
  nextRun?: Date;
  /** Attempts at the tick that is being dealt with. */
  attempt: number;
  /** Failures since the last success, on whichever node. */
  failures: number;
  lastRun?: RunSummary;
  lastSuccess?: Date;
  lastFailure?: Date;
  lastError?: string;
  /** Who runs it now, here or elsewhere. */
  holder?: string;
  running?: { runId: string; startedAt: Date; fencingToken: number; progress?: Progress };
  overdue?: { since: Date; reason: string };
  /** Why it ran or did not run lately, as this node decided; newest first, at most 8. */
  readonly decisions: Decision[];
  /** Its last runs on whichever node, newest first, at most 10. */
  readonly history: PastRunSummary[];
}

/** A run in a task's history. */
export interface PastRunSummary extends RunSummary {
  fencingToken: number;
}

/** A task that was spawned. */
export interface TaskHandle {
  readonly name: string;
  /** Runs it now if it is idle, whatever its schedule says; resolves when that run has ended. */
  trigger(): Promise<TriggerResult>;
  /** No run begins on this node until `resume()`, but by `trigger()`; one in progress goes on. */
  pause(): void;
  resume(): void;
  status(): TaskStatus;
  /** Stops it, a run in progress too, and starts it again. */
  restart(): Promise<void>;
  /** Stops it for good: nothing new begins, a run in progress may end; resolves when it has. The name is free again. */
  stop(): Promise<void>;
}

/** A supervisor that was made by `supervise`. */
export interface SupervisorHandle {
  readonly name: string;
  status(): SupervisorStatus;
  /** Stops its children in reverse order, and itself; resolves when all have ended or were given up. */
  stop(): Promise<void>;
  toString(): string;
}

export interface SupervisorStatus {
  name: string;
  state: string;
  /** Names of the children, in start order. */
  children: string[];
}

/** @param stop removes the child from its supervisor; @param restart has its supervisor start it anew. */
export function taskHandle(
  child: TaskChild,
  stop: (child: Child) => Promise<void>,
  restart: (child: Child) => Promise<void>,
): TaskHandle {
  let stopped: Promise<void> | undefined;
  return {
    name: child.name,
    trigger: () => child.requestRun(),
    pause: () => child.pause(),
    resume: () => child.resume(),
    status: () => statusOf(child),
    restart: () => restart(child),
    stop: () => (stopped ??= stop(child)),
  };
}

export function supervisorHandle(child: SupervisorChild, stop: (child: Child) => Promise<void>): SupervisorHandle {
  let stopped: Promise<void> | undefined;
  return {
    name: child.name,
    status: () => ({ name: child.name, state: child.state, children: [...child.children].map((each) => each.name) }),
    stop: () => (stopped ??= stop(child)),
    toString: () => child.lines().join("\n"),
  };
}

function statusOf(child: TaskChild): TaskStatus {
  const { rule } = child.spec;
  const { context } = child;
  const record = child.claims.record;
  const state = child.state as TaskState;
  const nextRun = state === "backoff" ? context.retryAt : state === "finished" ? undefined : context.nextDue;
  const running = record?.state === "running" && record.holder !== "";
  return {
    name: child.name,
    state,
    ...(rule === undefined ? {} : { schedule: rule.schedule.toString() }),
    paused: child.paused,
    ...(nextRun === undefined || nextRun === Infinity ? {} : { nextRun: new Date(nextRun) }),
    attempt: record?.attempt ?? 0,
    failures: record?.failures ?? 0,
    ...(record?.previousRun === undefined ? {} : { lastRun: summarize(record.previousRun) }),
    ...(record?.lastSuccess === undefined ? {} : { lastSuccess: new Date(record.lastSuccess) }),
    ...(record?.lastFailure === undefined ? {} : { lastFailure: new Date(record.lastFailure) }),
    ...(record?.lastError === undefined ? {} : { lastError: record.lastError }),
    ...(running ? { holder: record.holder } : {}),
    ...(running && child.claims.token !== undefined
      ? {
          running: {
            runId: record.runId,
            startedAt: new Date(record.startedAt ?? 0),
            fencingToken: child.claims.token,
            ...(child.progress === undefined ? {} : { progress: child.progress }),
          },
        }
      : {}),
    ...(child.overdue.state === undefined ? {} : { overdue: child.overdue.state }),
    get decisions() {
      return child.decisions.list();
    },
    get history() {
      return readHistory(record?.history).map((run) => ({ ...summarize(run), fencingToken: run.fencingToken }));
    },
  };
}
