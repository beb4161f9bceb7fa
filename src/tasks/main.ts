import pino, { type Logger } from "pino";
import type { Clock } from "../clock";
import { systemClock } from "../clocks/system";
import { formatDuration, parseDuration, type Duration } from "../duration";
import { OstinatoError, ShutdownError, toError } from "../errors";
import type { Task } from "../task";
import { cut, guardLogger, longestStack, textOf } from "../foreign";
import { hasMethod, isArray, readOptions, refuse, requireWork } from "../validate";
import { childSignal, completeContext, tellOnce } from "./context";
import { startGroup, type Group } from "./group";
import { onReaderGone, outputsOf, ownOutputs, readerGoneCode } from "./reader-gone";
import { endingSignals, exitCodeOf, onSignals, requireSignals } from "./signals";
import { settledOrAborted, settledWithin } from "./wait";

export interface MainOptions {
  /** Aborting it ends everything as a signal does. */
  signal?: AbortSignal;
  /** How long the tasks may take to end once they were asked to; default `"10s"`, a runtime's own; raise it with those of its parts. */
  shutdownTimeout?: Duration;
  /** The signals that end the process; default SIGINT and SIGTERM. */
  signals?: readonly NodeJS.Signals[];
  /** Where errors go; default a pino on stderr. */
  logger?: Logger;
  /** What time is measured with; default `systemClock`. */
  clock?: Clock;
  /** Called at the second signal with 128 + its number; default `process.exit`. */
  exit?: (code: number) => void;
}

/** What brings its task with it: a runtime. */
export interface Startable {
  task(): Task;
}

const optionNames = ["signal", "shutdownTimeout", "signals", "logger", "clock", "exit"];
const keepAliveMs = Number.MAX_SAFE_INTEGER;

/**
 * Runs tasks together until all have ended, one fails, a signal arrives or `signal` is aborted; then asks the others to
 * end, and resolves to an exit code: 0, or 1 when a task failed or did not end within `shutdownTimeout`. Every failure
 * is logged with its causes. A second signal ends the process at once. When the reader of stdout or stderr has gone
 * (`node app.js | head`) they are asked to end too, and the code is 141. Options may stand first or last. A runtime
 * may stand for its task: `main(runtime)`.
 *
 * ```ts
 * main(runtime.task(), httpServerTask(server)).then((code) => process.exit(code));
 * ```
 *
 * `process.exitCode = code` lets a process end by itself, but after a task that did not end it never may.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION (the promise rejects)
 */
export async function main(...given: (Task | Startable | MainOptions)[]): Promise<number> {
  const { tasks, options: found } = readArguments(given);
  const options = readOptions("main", found, optionNames);
  const {
    signal = new AbortController().signal,
    clock = systemClock,
    exit = (code: number) => process.exit(code),
  } = options;
  const shutdownTimeout = parseDuration("main: shutdownTimeout", options.shutdownTimeout ?? "10s");
  const signals = requireSignals("main: signals", options.signals ?? endingSignals);
  if (tasks.length === 0) return 0;

  const logger = guardLogger(options.logger ?? pino(pino.destination({ dest: 2, sync: true })), (error) =>
    process.emitWarning(`the logger threw, and lines of the log may be missing: ${error.message}`),
  );
  const ending = childSignal(signal, tellOnce({ logger }));
  let asked = 0;
  const silence = onSignals(signals, (name) => {
    asked += 1;
    if (asked > 1) return exit(exitCodeOf(name));
    logger.info({ signal: name }, `${name} received: stopping; a second signal ends the process at once`);
    ending.abort(new ShutdownError(`${name} received`));
  });
  let hasReader = true;
  const unlisten = onReaderGone([...ownOutputs(), ...outputsOf(logger)], () => {
    hasReader = false;
    ending.abort(new ShutdownError("nobody reads the output of this process any more"));
  });
  // A task that only waits for its signal holds nothing that keeps Node running.
  const keepAlive = systemClock.setTimeout(() => undefined, keepAliveMs);

  try {
    if (ending.signal.aborted) return 0;
    const context = completeContext({ name: "main", signal: ending.signal, logger }, clock);
    const group = startGroup("main", tasks, context);
    await settledOrAborted(group.ended, group.signal);
    const late = (await settledWithin(clock, shutdownTimeout, group.ended)) ? undefined : stuck(group, shutdownTimeout);
    const code = report(group, late, logger);
    return code === 0 && !hasReader ? readerGoneCode : code;
  } finally {
    systemClock.clearTimeout(keepAlive);
    silence();
    unlisten();
    ending.release();
  }
}

function readArguments(given: readonly (Task | Startable | MainOptions)[]): { tasks: Task[]; options: MainOptions } {
  const tasks = given.map((each) => (isStartable(each) ? taskOf(each) : each));
  let options: unknown = {};
  if (typeof tasks.at(-1) === "object") options = tasks.pop();
  else if (typeof tasks[0] === "object") options = tasks.shift();
  if (options === null || isArray(options)) refuse("main: options", "an object", options);
  tasks.forEach((task, index) => requireWork(`main: task ${String(index + 1)}`, task));
  return { tasks: tasks as Task[], options: options as MainOptions };
}

function isStartable(given: unknown): given is Startable {
  return typeof given === "object" && hasMethod(given, "task");
}

function taskOf(given: Startable): Task {
  try {
    return given.task();
  } catch (cause) {
    throw new OstinatoError(
      "ERR_INVALID_OPTION",
      `main: the task of a runtime cannot be had: ${toError(cause).message}`,
      {
        cause,
      },
    );
  }
}

function stuck(group: Group, shutdownTimeout: number): OstinatoError {
  return new OstinatoError(
    "ERR_SHUTDOWN_DEADLINE",
    `${group.running().join(" and ")} did not end within ${formatDuration(shutdownTimeout)} of being asked to`,
    { cause: group.signal.reason },
  );
}

function report(group: Group, late: OstinatoError | undefined, logger: Logger): number {
  for (const { task, error } of group.failures) {
    // What escalated through supervisors brings a report of its own.
    const err = toError(error) as Error & { report?: unknown };
    logger.error(
      { err, task },
      `${task} failed: ${cut(textOf(err.report ?? err.message, longestStack), longestStack)}`,
    );
  }
  if (late !== undefined) logger.error({ err: late, tasks: group.running() }, late.message);
  return group.failures.length === 0 && late === undefined ? 0 : 1;
}
