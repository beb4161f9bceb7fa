import { ShutdownError } from "../errors";
import type { Task } from "../task";
import { childContext, childSignal, completeContext, compose, perform, tellOnce, type ComposedTask } from "./context";
import { isAbortOf } from "./failures";
import { endingSignals, onSignals, requireSignals } from "./signals";

/**
 * Aborts the task's signal when the process gets one of `signals` (default SIGINT and SIGTERM). It listens to exactly
 * these, and only while the task runs. What merely repeats the abort is no error; one that wraps it is (T6).
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function withSignalNotify(task: Task, signals: readonly NodeJS.Signals[] = endingSignals): ComposedTask {
  const listened = requireSignals("withSignalNotify: signals", signals);
  return compose("withSignalNotify", [task], async (given) => {
    const context = completeContext(given);
    const { signal, abort, release } = childSignal(context.signal, tellOnce(context));
    const silence = onSignals(listened, (name) => abort(new ShutdownError(`${name} received`)));
    try {
      return await perform(task, childContext(context, { signal }));
    } catch (error) {
      if (!isAbortOf(error, signal)) throw error;
      return undefined;
    } finally {
      silence();
      release();
    }
  });
}
