import type { AnyActorRef } from "xstate";
import type { ChildExit } from "../../machines/events";
import type { Retry } from "../rules/backoff";
import type { RestartKind } from "../rules/restart";

/** What a supervisor knows of each of its children, be it a task or another supervisor. */
export interface Child {
  readonly name: string;
  readonly restart: RestartKind;
  readonly significant: boolean;
  /** Waits between restarts. */
  readonly retry: Retry;
  readonly actor: AnyActorRef;
  /** Starts it, or starts it again after it has ended. */
  start(): void;
  /** It will be started again at this wall time; until then it shows as waiting. */
  awaitRestart(at: number): void;
  /** Nothing new may begin from now on; what runs goes on. */
  drain(): void;
  /** Ends it; resolves when it has ended or has been given up, and never rejects. */
  stop(): Promise<void>;
  /** The deadline of the whole is here: a stop in progress, or to come, no longer waits for anything to end by itself. */
  hurry(): void;
  /** Takes its actor out of the system; it cannot be started again. */
  dispose(): void;
  /** A child of this name somewhere below. */
  find(name: string): Child | undefined;
  /** The part of the tree below and including it, one line each. */
  lines(): string[];
}

/** How a child tells its supervisor that it has ended without having been asked to. */
export type OnExit = (child: Child, how: ChildExit, error?: unknown) => void;
