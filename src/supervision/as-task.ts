import { OstinatoError } from "../errors";
import type { Task } from "../task";

interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
  readonly finished: Promise<void>;
}

/**
 * The runtime as a task: starts, runs until its signal is aborted, stops; fails when the tree fails.
 *
 * @param onReaderGone calls its listener when nobody reads the log any more, until the returned function is called
 */
export function asTask(
  runtime: Startable,
  throwIfLate: () => void,
  onReaderGone: (listener: (cause: Error) => void) => () => void,
): Task {
  return async ({ signal }) => {
    let gone: OstinatoError | undefined;
    const unlisten = onReaderGone((cause) => {
      if (signal.aborted) return;
      gone = new OstinatoError("ERR_OUTPUT_CLOSED", "nobody reads the runtime's log any more: it was stopped", {
        cause,
      });
      void runtime.stop();
    });
    await runtime.start();
    const stop = (): void => void runtime.stop();
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    try {
      await runtime.finished;
      await runtime.stop();
      throwIfLate();
      if (gone !== undefined) throw gone;
    } finally {
      unlisten();
      signal.removeEventListener("abort", stop);
    }
  };
}
