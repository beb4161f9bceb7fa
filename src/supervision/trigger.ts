import type { AnyActorRef } from "xstate";
import type { Verdict } from "../../machines/events";
import type { IdleReason } from "../../machines/task";
import type { Outcome } from "../task";

/** What became of a `trigger()`. */
export type TriggerResult =
  | { started: true; runId: string; outcome: Outcome; error?: Error }
  | { started: false; reason: "running" | "stopped" | "unreachable" | "refused"; node?: string };

/** A run asked for by hand: at most one at a time, answered when it has ended or as soon as it cannot begin (`N16`). */
export class Trigger {
  readonly #actor: AnyActorRef;
  #pending:
    { resolve: (result: TriggerResult) => void; state: "asked" | "looking" | "running"; runId: string } | undefined;

  constructor(actor: AnyActorRef) {
    this.#actor = actor;
  }

  request(state: string, because: IdleReason, gone: boolean): Promise<TriggerResult> {
    const hasEnded = gone || (state === "finished" && because !== "exhausted");
    if (hasEnded || because === "unstarted") return Promise.resolve({ started: false, reason: "stopped" });
    if (state === "running" || this.#pending !== undefined)
      return Promise.resolve({ started: false, reason: "running" });
    return new Promise((resolve) => {
      this.#pending = { resolve, state: "asked", runId: "" };
      this.retry();
    });
  }

  /** Asks the actor again: while it was checking for another reason it could not hear. */
  retry(): void {
    if (this.#pending?.state === "asked") this.#actor.send({ type: "TRIGGER" });
  }

  /** A check begins; is it the one that was asked for? */
  taken(byTrigger: boolean): boolean {
    if (!byTrigger || this.#pending === undefined) return false;
    this.#pending.state = "looking";
    return true;
  }

  answered(verdict: Verdict): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    if (verdict.type === "CLAIMED") {
      if (pending.state === "looking") {
        pending.state = "running";
        pending.runId = verdict.runId;
      } else this.#settle({ started: false, reason: "running" });
      return;
    }
    if (pending.state !== "looking") return;
    if (verdict.type === "HELD") this.#settle({ started: false, reason: "running", node: verdict.holder });
    else if (verdict.type === "UNREACHABLE") this.#settle({ started: false, reason: "unreachable" });
    else this.#settle({ started: false, reason: "refused" });
  }

  ended(outcome: Outcome, error?: Error): void {
    if (this.#pending?.state !== "running") return;
    const { runId } = this.#pending;
    this.#settle({ started: true, runId, outcome, ...(error === undefined ? {} : { error }) });
  }

  stopped(): void {
    if (this.#pending !== undefined && this.#pending.state !== "running")
      this.#settle({ started: false, reason: "stopped" });
  }

  #settle(result: TriggerResult): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve(result);
  }
}
