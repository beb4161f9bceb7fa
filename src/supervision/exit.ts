import type { IdleReason } from "../../machines/task";
import type { ChildExit } from "../../machines/events";
import type { Host } from "./host";
import type { RunEnd } from "./run";
import type { ParsedSpec } from "./spec";

/** How a task tells its supervisor that it has ended by itself. */
export class Exit {
  readonly #spec: ParsedSpec;
  readonly #host: Host;
  readonly #onExit: (how: ChildExit, error?: unknown) => void;
  #isExhausted = false;

  constructor(spec: ParsedSpec, host: Host, onExit: (how: ChildExit, error?: unknown) => void) {
    this.#spec = spec;
    this.#host = host;
    this.#onExit = onExit;
  }

  started(): void {
    this.#isExhausted = false;
  }

  /** A task whose schedule has ended may run again by hand, and has still ended once only. */
  report(because: IdleReason, end: RunEnd): void {
    if (because === "exhausted") {
      if (this.#isExhausted) return;
      this.#isExhausted = true;
      this.#host.report.tell({ type: "exhausted", task: this.#spec.name });
      this.#later("finished");
      return;
    }
    const failed = this.#spec.rule === undefined && end.outcome !== "succeeded";
    this.#later(failed ? "failure" : "success", failed ? end.error : undefined);
  }

  /** Not from within the actor's own step: the supervisor may stop this actor in answer. */
  #later(how: ChildExit, error?: unknown): void {
    queueMicrotask(() => this.#onExit(how, error));
  }
}
