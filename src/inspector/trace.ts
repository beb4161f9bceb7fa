import type { AnyActorRef, InspectionEvent } from "xstate";
import { plainOf, type Plain } from "../foreign";
import type { Runtime } from "../index";

/** One step of an actor: what it got, and where that led. */
export interface Step {
  readonly at: number;
  readonly event: string;
  readonly from: string;
  readonly to: string;
  /** The event's own fields. */
  readonly detail: Plain | undefined;
}

const kept = 40;

/**
 * The last steps of one actor, followed while somebody looks at it. Following costs every actor of the system a little
 * with each event, so it ends as soon as nobody looks.
 */
export class Trace {
  readonly steps: Step[] = [];
  readonly #subscription: { unsubscribe(): void };
  #before: string;

  constructor(runtime: Runtime, actor: AnyActorRef) {
    this.#before = stateOf(actor.getSnapshot());
    this.#subscription = runtime.actor.system.inspect((event: InspectionEvent) => {
      if (event.actorRef !== actor || event.type !== "@xstate.snapshot") return;
      const to = stateOf(event.snapshot);
      const { type, ...detail } = event.event as { type: string } & Record<string, unknown>;
      this.steps.unshift({ at: runtime.clock.now(), event: type, from: this.#before, to, detail: plainOf(detail) });
      this.steps.length = Math.min(this.steps.length, kept);
      this.#before = to;
    });
  }

  close(): void {
    this.#subscription.unsubscribe();
  }
}

export function stateOf(snapshot: unknown): string {
  const { value } = snapshot as { value?: unknown };
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}
