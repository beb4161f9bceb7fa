import type { Runtime } from "../index";

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
  if (handle === undefined) return { ok: false, message: `no task is called ${JSON.stringify(task)} here` };
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
      void handle.restart();
      return { ok: true, message: "it is being restarted" };
    case "stop":
      void handle.stop();
      return { ok: true, message: "it is being stopped for good" };
    default:
      return { ok: false, message: `no such action; there are ${actionNames.join(", ")}` };
  }
}

/** Long enough for a trigger to be refused. */
function settle(runtime: Runtime): Promise<undefined> {
  return new Promise((resolve) => {
    runtime.clock.setTimeout(() => resolve(undefined), 200);
  });
}
