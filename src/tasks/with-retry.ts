import type { Clock } from "../clock";
import { formatDuration, parseDuration } from "../duration";
import { toError } from "../errors";
import { systemRandom, type Random } from "../identity";
import { backoffDelay, parseRetry, type Retry, type RetryOptions } from "../rules/backoff";
import { DiscardError, RetryAfterError, type Task } from "../task";
import { readOpenOptions } from "../validate";
import { childContext, clockOf, completeContext, compose, perform, taskLabel, type ComposedTask } from "./context";
import { waitFor } from "./wait";

export interface WithRetryOptions extends RetryOptions {
  /** What the waits are measured with; default: the clock of the context. */
  clock?: Clock;
  /** Where jitter is drawn from, numbers in [0, 1); default `Math.random`. */
  random?: Random;
}

/**
 * Runs the task again after a failure, with growing waits, until it succeeds, throws `discard()`, or the retries are
 * used up: then its last error is thrown as it is. `retryAfter()` chooses the wait itself. Once the signal is aborted
 * nothing is tried again.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function withRetry(options: WithRetryOptions, task: Task): ComposedTask {
  const { clock: ownClock, random = systemRandom, ...rest } = readOpenOptions("withRetry: options", options);
  const retry = parseRetry("withRetry", rest);

  return compose("withRetry", [task], async (given) => {
    const clock = ownClock ?? clockOf(given ?? {});
    const context = completeContext(given, clock);
    const { signal, logger } = context;
    const label = taskLabel(task, 0, "withRetry");
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) throw signal.reason;
      try {
        return await perform(task, childContext(context, { attempt }));
      } catch (thrown) {
        const error = toError(thrown);
        if (signal.aborted || error instanceof DiscardError || attempt > retry.limit) throw thrown;
        const delayMs = delayAfter(retry, error, attempt, random());
        const message = `${label} failed: ${error.message}; next attempt in ${formatDuration(Math.round(delayMs))}`;
        logger.warn({ err: error, attempt, delayMs }, message);
        await waitFor(clock, delayMs, signal);
      }
    }
  });
}

function delayAfter(retry: Retry, error: Error, failures: number, random: number): number {
  if (error instanceof RetryAfterError) return parseDuration("retryAfter", error.delay, { min: 0 });
  return backoffDelay(retry, failures, random);
}
