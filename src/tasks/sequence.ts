import type { Task } from "../task";
import { completeContext, compose, perform, type ComposedTask } from "./context";

/**
 * One task after the other. The first error ends it and is thrown as it is; once the signal is aborted no further task
 * is started (T1).
 */
export function sequence(...tasks: Task[]): ComposedTask {
  return compose("sequence", tasks, async (given) => {
    const context = completeContext(given);
    for (const task of tasks) {
      if (context.signal.aborted) return;
      await perform(task, context);
    }
  });
}
