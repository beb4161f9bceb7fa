import type { Task, TaskContext } from "../task";
import { isError } from "../foreign";
import { requireFunction } from "../validate";
import { completeContext, compose, perform, type ComposedTask } from "./context";
import { isAbortOf } from "./failures";

/**
 * Hands an error of the task to `handler`, whose answer replaces it: an Error that it returns (or throws) is thrown
 * instead, anything else becomes the result. Not called for success, nor for what merely repeats an abort (T7).
 */
export function onError(task: Task, handler: (error: unknown, context: TaskContext) => unknown): ComposedTask {
  requireFunction("onError: handler", handler);
  return compose("onError", [task], async (given) => {
    const context = completeContext(given);
    try {
      return await perform(task, context);
    } catch (error) {
      if (isAbortOf(error, context.signal)) throw error;
      const answer = await handler(error, context);
      if (isError(answer)) throw answer;
      return answer;
    }
  });
}
