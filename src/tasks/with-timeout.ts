import type { Clock } from "../clock";
import { formatDuration, parseDuration, type Duration } from "../duration";
import { TimeoutError } from "../errors";
import type { Task } from "../task";
import { readOptions } from "../validate";
import {
  childContext,
  childSignal,
  clockOf,
  completeContext,
  compose,
  perform,
  taskLabel,
  tellOnce,
  type ComposedTask,
} from "./context";
import { isAbortOf } from "./failures";
import { settledOrAborted, settledWithin } from "./wait";

export interface WithTimeoutOptions {
  /** How long a task whose time is up may take to end before it is given up; default `"5s"`. */
  grace?: Duration;
  /** What time is measured with; default: the clock of the context. */
  clock?: Clock;
}

/**
 * Aborts the task's signal once it has run for `duration`, and fails with ERR_TIMEOUT when it has ended, or when it has
 * not within the grace period. A copy that was given up is waited for before another one starts, within the limit of
 * that one, so that a retry never puts a second copy beside the first.
 *
 * @throws OstinatoError ERR_INVALID_DURATION
 */
export function withTimeout(duration: Duration, task: Task, given: WithTimeoutOptions = {}): ComposedTask {
  const options = readOptions("withTimeout", given, ["grace", "clock"]);
  const limit = parseDuration("withTimeout: duration", duration);
  const grace = parseDuration("withTimeout: grace", options.grace ?? "5s", { min: 0 });
  const givenUp = new Set<Promise<unknown>>();

  return compose("withTimeout", [task], async (given) => {
    const clock = options.clock ?? clockOf(given ?? {});
    const context = completeContext(given, clock);
    const { signal, abort, release } = childSignal(context.signal, tellOnce(context));
    const message = `${taskLabel(task, 0, "withTimeout")} took longer than ${formatDuration(limit)}`;
    const timedOut = new TimeoutError(message);

    const left = Promise.allSettled(givenUp);
    const wait = givenUp.size > 0;
    const run = (async () => {
      if (wait) await settledOrAborted(left, signal);
      signal.throwIfAborted();
      return perform(task, childContext(context, { signal }));
    })();

    try {
      if (await settledWithin(clock, limit, run, context.signal)) return await run;
      abort(timedOut);
      if (await settledWithin(clock, grace, run)) {
        throw await run.then(
          () => timedOut,
          (error: unknown) => (isAbortOf(error, signal) ? timedOut : new TimeoutError(message, { cause: error })),
        );
      }
      givenUp.add(run);
      const forget = () => givenUp.delete(run);
      run.then(forget, forget);
      throw timedOut;
    } finally {
      release();
    }
  });
}
