import type { AnyActorRef, InspectionEvent, Observer } from "xstate";
import { callGuarded } from "../foreign";
import { guarded, type Listener } from "../guarded-events";
import type { Report } from "./report";

type Inspect = Observer<InspectionEvent> | ((event: InspectionEvent) => void);
type Next = (value: never) => unknown;
type Failed = (error: unknown) => unknown;

/** An observer that throws would wedge the actor that it observes. Its first error is reported. */
export function guardedInspect(inspect: Inspect, report: Report): (event: InspectionEvent) => void {
  const failed = once("the inspect observer threw", report);
  return (event) => callGuarded(() => (typeof inspect === "function" ? inspect(event) : inspect.next?.(event)), failed);
}

/**
 * Guards what users attach to the actors of the tree, which they reach through its root: XState ends the process with
 * what a subscriber or a handler throws. An actor is guarded once it has been handed out.
 */
export function guardSystem(root: AnyActorRef, report: Report): void {
  const { system } = root;
  const [inspect, get, getAll] = [system.inspect.bind(system), system.get.bind(system), system.getAll.bind(system)];
  const seen = new WeakSet<AnyActorRef>();
  const guard = <Actor extends AnyActorRef | undefined>(actor: Actor): Actor => {
    if (actor !== undefined && !seen.has(actor)) {
      seen.add(actor);
      guardActor(actor, report);
    }
    return actor;
  };
  guard(root);
  Object.assign(system, {
    inspect: (observer: Inspect) => inspect(guardedInspect(observer, report)),
    get: (systemId: string) => guard(get(systemId) as AnyActorRef | undefined),
    getAll: () => {
      const actors = getAll() as Record<string, AnyActorRef>;
      Object.values(actors).forEach(guard);
      return actors;
    },
  });
}

function guardActor(actor: AnyActorRef, report: Report): void {
  const subscribe = actor.subscribe.bind(actor) as (observer: Listener) => unknown;
  const on = actor.on.bind(actor) as (type: string, handler: Next) => unknown;
  Object.assign(actor, {
    subscribe: (given: Listener | Next | null | undefined, error?: Failed, complete?: () => unknown) => {
      const listener = typeof given === "object" ? given : { next: given, error, complete };
      return subscribe(guarded(listener, once("a subscriber of an actor threw", report)));
    },
    on: (type: string, handler: Next) => {
      const failed = once("a handler of an actor's events threw", report);
      return on(type, (event) => callGuarded(() => handler(event), failed));
    },
  });
}

function once(message: string, report: Report): (err: Error) => void {
  let told = false;
  return (err) => {
    if (told) return;
    told = true;
    report.tell({ type: "warning", task: "", message, err });
  };
}
