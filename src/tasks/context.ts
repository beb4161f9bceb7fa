import pino, { type Logger } from "pino";
import type { Clock } from "../clock";
import { systemClock } from "../clocks/system";
import { bindClock, boundClock, type Task, type TaskContext } from "../task";
import { callGuarded, cut, guardSignal, read, unreadKind } from "../foreign";
import { OstinatoError } from "../errors";
import { requireWork } from "../validate";

/**
 * What the composition functions return: a {@link Task} that may also be called by hand, with as much of a context as
 * the caller has. What is left out: a signal that is never aborted, attempt 1, now, a silent logger.
 */
export type ComposedTask = (context?: Partial<TaskContext>) => Promise<unknown>;

/** The clock that a context was bound to; the system's for any other. */
export function clockOf(context: Partial<TaskContext>): Clock {
  return boundClock(context) ?? systemClock;
}

let silent: Logger | undefined;

/** Fills in what a caller left out. A `clock` given here wins over the one bound to the context. */
export function completeContext(given: Partial<TaskContext> = {}, clock: Clock = clockOf(given)): TaskContext {
  const scheduledAt = given.scheduledAt ?? new Date(clock.now());
  const context: TaskContext = {
    ...given,
    name: given.name ?? "task",
    signal: given.signal ?? new AbortController().signal,
    attempt: given.attempt ?? 1,
    scheduledAt,
    lateBy: given.lateBy ?? Math.max(0, clock.now() - scheduledAt.getTime()),
    fencingToken: given.fencingToken ?? 0,
    logger: given.logger ?? (silent ??= pino({ level: "silent" })),
    progress: given.progress?.bind(given) ?? (() => undefined),
  };
  return bindClock(context, clock);
}

/** A context of its own for a part of the work. */
export function childContext(context: TaskContext, own: Partial<TaskContext>): TaskContext {
  return { ...context, ...own };
}

/** A signal that is aborted with its parent, or by itself. */
export interface ChildSignal {
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
  /** Lets go of the parent, which may live much longer. */
  readonly release: () => void;
}

export function childSignal(parent: AbortSignal, failed: (error: Error) => void): ChildSignal {
  const controller = new AbortController();
  guardSignal(controller.signal, failed);
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => parent.removeEventListener("abort", follow),
  };
}

/**
 * Calls a task and waits for it.
 *
 * @throws what the task throws; OstinatoError ERR_INVALID_OPTION when it returned what does nothing until it is read
 */
export async function perform(task: Task, context: TaskContext): Promise<unknown> {
  const value = await task(context);
  const unread = unreadKind(value);
  if (unread === undefined) return value;
  throw new OstinatoError(
    "ERR_INVALID_OPTION",
    `a task returned ${unread}, which does nothing until it is read; read it in the task, and return a promise`,
  );
}

/** Tells the log of the first error that a listener to a signal throws. */
export function tellOnce({ logger }: Pick<TaskContext, "logger">): (err: Error) => void {
  let told = false;
  return (err) => {
    if (!told)
      callGuarded(
        () => logger.warn({ err }, "a listener to the signal of a task threw"),
        () => undefined,
      );
    told = true;
  };
}

/** What messages call a task: the name of its function, or its place. */
export function taskLabel(task: Task, index: number, kind: string): string {
  return nameOf(task) ?? `task ${String(index + 1)} of ${kind}`;
}

/** The name of a function; undefined where it has none. */
export function nameOf(task: Task): string | undefined {
  const name = read(task, "name");
  return typeof name === "string" && name !== "" ? cut(name, 200) : undefined;
}

/** Names a composed task after its parts, so that a message about it says more than "concurrence". */
export function compose(
  kind: string,
  parts: readonly Task[],
  run: (given?: Partial<TaskContext>) => Promise<unknown>,
): ComposedTask {
  parts.forEach((part, index) => requireWork(`${kind}: task ${String(index + 1)}`, part));
  const inside = parts.map((part, index) => nameOf(part) ?? `task ${String(index + 1)}`).join(", ");
  const name = `${kind}(${inside.length > 120 ? `${inside.slice(0, 119)}…` : inside})`;
  return Object.defineProperty(run, "name", { value: name });
}
