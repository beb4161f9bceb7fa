import type { Task } from "../task";
import { completeContext, compose, type ComposedTask } from "./context";
import { throwFailures } from "./failures";
import { startGroup } from "./group";

/**
 * All tasks at once. When one fails, the signal of the others is aborted (reason: ERR_SIBLING_FAILED) and all are waited
 * for; then a single error is thrown as it is, several as an AggregateError whose message names each task. Errors that
 * only repeat the abort are left out (T2). Nothing is started under a signal that is already aborted.
 */
export function concurrence(...tasks: Task[]): ComposedTask {
  return compose("concurrence", tasks, async (given) => {
    const context = completeContext(given);
    if (context.signal.aborted) return;
    const group = startGroup("concurrence", tasks, context);
    await group.ended;
    throwFailures("concurrence", group.failures);
  });
}
