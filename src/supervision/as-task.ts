import type { Task } from "../task";

interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly finished: Promise<void>;
}

/** The runtime as a task: starts, runs until its signal is aborted, stops; fails when the tree fails. */
export function asTask(runtime: Startable, throwIfLate: () => void): Task {
  return async ({ signal }) => {
    await runtime.start();
    const stop = (): void => void runtime.stop();
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    try {
      await runtime.finished;
      await runtime.stop();
      throwIfLate();
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}
