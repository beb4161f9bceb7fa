import type { Task } from "../task";
import { completeContext, compose, type ComposedTask } from "./context";

/**
 * Runs `task` unless a run of it, through this very function, has not ended yet: then it resolves at once, without
 * running it, and says so in the log at level `debug`. For one run at a time among all processes, spawn the task with
 * `exclusive: true`.
 */
export function withNoOverlap(task: Task): ComposedTask {
  let isRunning = false;
  return compose("withNoOverlap", [task], async (given) => {
    const context = completeContext(given);
    if (isRunning) {
      context.logger.debug("skipped: the run before it has not ended");
      return undefined;
    }
    isRunning = true;
    try {
      return await task(context);
    } finally {
      isRunning = false;
    }
  });
}
