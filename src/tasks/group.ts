import { OstinatoError, toError } from "../errors";
import { cut } from "../foreign";
import type { Task, TaskContext } from "../task";
import { childContext, childSignal, perform, taskLabel, tellOnce } from "./context";
import { isAbortOf, type Failure } from "./failures";

/** Tasks that run together: how far they are, for whoever waits for them. */
export interface Group {
  /** Aborted with the context's signal, or by the first failure. */
  readonly signal: AbortSignal;
  /** In the order in which they happened. */
  readonly failures: readonly Failure[];
  /** The labels of the tasks that have not ended. */
  running(): string[];
  /** Resolves when all have ended, however they did. */
  readonly ended: Promise<void>;
}

/** Starts all tasks at once. The first failure aborts the others, with the failure as the cause of the reason (T2). */
export function startGroup(kind: string, tasks: readonly Task[], context: TaskContext): Group {
  const { signal, abort, release } = childSignal(context.signal, tellOnce(context));
  const failures: Failure[] = [];
  const running = new Map<number, string>(tasks.map((task, index) => [index, taskLabel(task, index, kind)]));

  async function run(task: Task, index: number): Promise<void> {
    const label = taskLabel(task, index, kind);
    try {
      await perform(task, childContext(context, { signal }));
    } catch (error) {
      if (isAbortOf(error, signal)) return;
      failures.push({ task: label, error });
      abort(
        new OstinatoError("ERR_SIBLING_FAILED", cut(`${label} failed: ${toError(error).message}`), { cause: error }),
      );
    } finally {
      running.delete(index);
    }
  }

  return {
    signal,
    failures,
    running: () => [...running.values()],
    ended: Promise.all(tasks.map(run)).then(release),
  };
}
