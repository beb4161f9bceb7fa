import { OstinatoError, type Runtime } from "../index";
import type { QueueViews } from "./queues";
import { quoted } from "../validate";

/** What a page, or the command line, may ask for when actions are allowed. */
export const actionNames = ["trigger", "pause", "resume", "stop", "restart"] as const;
export type ActionName = (typeof actionNames)[number];

export interface ActionResult {
  readonly ok: boolean;
  readonly message: string;
}

/** Carries out one action on one task; a run that was triggered is not waited for to its end. */
export async function act(runtime: Runtime, action: string, task: string): Promise<ActionResult> {
  const handle = runtime.get(task);
  if (handle === undefined) return { ok: false, message: `no task is called ${quoted(task)} here` };
  switch (action as ActionName) {
    case "trigger": {
      const answer = handle.trigger();
      const soon = Promise.resolve().then(() => undefined);
      const result = await Promise.race([answer, soon.then(() => settle(runtime))]);
      if (result === undefined) return { ok: true, message: "it was triggered" };
      if (!result.started) return { ok: false, message: `it was not triggered: ${result.reason}` };
      return { ok: true, message: `it was triggered, and ${result.outcome}` };
    }
    case "pause":
      handle.pause();
      return { ok: true, message: "it is paused on this node" };
    case "resume":
      handle.resume();
      return { ok: true, message: "it goes on" };
    case "restart":
      begin(runtime, task, handle.restart());
      return { ok: true, message: "it is being restarted" };
    case "stop":
      begin(runtime, task, handle.stop());
      return { ok: true, message: "it is being stopped for good" };
    default:
      return { ok: false, message: `no such action; there are ${actionNames.join(", ")}` };
  }
}

/** Nobody waits for the end of what was begun: why it failed is logged. */
function begin(runtime: Runtime, task: string, action: Promise<unknown>): void {
  action.catch((error: unknown) => {
    runtime.logger.warn({ task, err: error }, "inspector: an action failed");
  });
}

/** What may be asked for about a dead letter. */
const letterActions = ["retryDeadLetter", "removeDeadLetter"];

/** Carries out one action on one dead letter of a queue. */
export async function actOnLetter(
  queues: QueueViews,
  action: string,
  { queue, key }: { queue: string; key: string },
): Promise<ActionResult> {
  if (!letterActions.includes(action)) {
    return { ok: false, message: `no such action; there are ${letterActions.join(", ")}` };
  }
  const gone = { ok: false, message: "there is no such dead letter any more" };
  try {
    if (action === "removeDeadLetter") {
      return (await queues.remove(queue, key)) ? { ok: true, message: "the dead letter was removed" } : gone;
    }
    return (await queues.retry(queue, key)) ? { ok: true, message: "it was assigned again, to be run at once" } : gone;
  } catch (error) {
    if (!(error instanceof OstinatoError)) throw error;
    return error.code === "ERR_UNKNOWN_TASK" ? gone : { ok: false, message: error.message };
  }
}

/** Long enough for a trigger to be refused. */
function settle(runtime: Runtime): Promise<undefined> {
  return new Promise((resolve) => {
    runtime.clock.setTimeout(() => resolve(undefined), 200);
  });
}
