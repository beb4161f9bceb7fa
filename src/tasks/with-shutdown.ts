import type { Clock } from "../clock";
import { formatDuration, parseDuration, type Duration } from "../duration";
import { OstinatoError } from "../errors";
import type { Task } from "../task";
import { readOptions, requireWork } from "../validate";
import { childContext, clockOf, completeContext, compose, nameOf, perform, type ComposedTask } from "./context";
import { isAbortOf, throwFailures, type Failure } from "./failures";
import { closedIfServer } from "./servers";
import { settledOrAborted, settledWithin } from "./wait";

export interface WithShutdownOptions {
  /** How long `stop`'s signal lasts, and how long both are waited for after the abort; default `"25s"`. */
  timeout?: Duration;
  /** What time is measured with; default: the clock of the context. */
  clock?: Clock;
}

/** What a stop that ends only because its signal did may take to do so, before it is given up. */
const reactionMs = 1_000;

/**
 * Runs `start` until it ends or the signal is aborted, then `stop` under a fresh signal that lasts for `timeout`. After
 * an abort both are waited for. An error of `start` before the abort is thrown and `stop` is not called; later errors
 * of either are thrown, both as an AggregateError. What outlasts `timeout` is given up with ERR_SHUTDOWN_DEADLINE (T4).
 *
 * A `start` that returns a server, as `listen` does, has not ended before the server has closed:
 * `withShutdown(() => server.listen(8080), () => server.close())`.
 *
 * @throws OstinatoError ERR_INVALID_DURATION
 */
export function withShutdown(start: Task, stop: Task, given: WithShutdownOptions = {}): ComposedTask {
  requireWork("withShutdown: start", start);
  requireWork("withShutdown: stop", stop);
  const options = readOptions("withShutdown", given, ["timeout", "clock"]);
  const timeout = parseDuration("withShutdown: timeout", options.timeout ?? "25s");
  const startLabel = nameOf(start) ?? "start";
  const stopLabel = nameOf(stop) ?? "stop";

  return compose("withShutdown", [start, stop], async (given) => {
    const clock = options.clock ?? clockOf(given ?? {});
    const context = completeContext(given, clock);
    const { signal } = context;
    if (signal.aborted) return;

    const failures: Failure[] = [];
    const running = new Set([startLabel, stopLabel]);
    const run = async (label: string, task: Task, runSignal: AbortSignal) => {
      try {
        await perform(task, childContext(context, { signal: runSignal }));
      } catch (error) {
        if (!isAbortOf(error, runSignal)) failures.push({ task: label, error });
        else if (task === stop) failures.push({ task: label, error: runSignal.reason });
      } finally {
        running.delete(label);
      }
    };

    const serve: Task = async (own) => closedIfServer(await start(own));
    const started = run(startLabel, serve, signal);
    await settledOrAborted(started, signal);
    if (!signal.aborted) throwFailures("withShutdown", failures);

    const stopping = new AbortController();
    const both = Promise.all([started, run(stopLabel, stop, stopping.signal)]);
    if (!(await settledWithin(clock, timeout, both))) {
      const late = new OstinatoError(
        "ERR_SHUTDOWN_DEADLINE",
        `${[...running].join(" and ")} did not end within ${formatDuration(timeout)} of being asked to`,
      );
      stopping.abort(late);
      if (!(await settledWithin(clock, reactionMs, both))) failures.push({ task: "shutdown", error: late });
    }
    throwFailures("withShutdown", failures);
  });
}
