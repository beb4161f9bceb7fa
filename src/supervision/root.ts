import { createActor, type Actor, type AnyActorLogic, type InspectionEvent, type Observer } from "xstate";
import { toError } from "../errors";
import { parseRetry } from "../rules/backoff";
import type { Host } from "./host";
import { guardedInspect, guardSystem } from "./inspection";
import { rootLogic, SupervisorChild } from "./supervisor-child";

/** The root of the tree and its actor, which is that of the whole system. `onFailure`: it has given up. */
export function makeRoot(
  host: Host,
  inspect: Observer<InspectionEvent> | ((event: InspectionEvent) => void) | undefined,
  onFailure: (error: Error) => void,
): { root: SupervisorChild; actor: Actor<AnyActorLogic> } {
  const identity = { name: "root", strategy: "one_for_one" } as const;
  const actor = createActor(rootLogic as AnyActorLogic, {
    id: "root",
    systemId: "root",
    input: identity,
    clock: host.clock,
    ...(inspect === undefined ? {} : { inspect: guardedInspect(inspect, host.report) }),
  });
  const root = new SupervisorChild(
    {
      ...identity,
      intensity: { restarts: 3, within: 5_000 },
      autoShutdown: "never",
      restart: "temporary",
      significant: false,
      retry: parseRetry("retry"),
      makeChildren: () => [],
    },
    host,
    { root: actor },
    (_child, how, error) => {
      if (how === "failure") onFailure(toError(error));
    },
  );
  guardSystem(actor, host.report);
  actor.start();
  return { root, actor };
}
