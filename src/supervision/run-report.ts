import type { Outcome, TaskContext } from "../task";
import type { Report } from "./report";
import type { RunEnd } from "./run";
import { quoted } from "../validate";

/** What is told of one task's runs, from START to the line that says how it ended (`N9`). */
export class RunReport {
  readonly #task: string;
  readonly #report: Report;
  #runId = "";
  #attempt = 0;
  #startedAt = 0;
  #toldTimeout = false;

  constructor(task: string, report: Report) {
    this.#task = task;
    this.#report = report;
  }

  started(runId: string, startedAt: number, context: TaskContext): void {
    const { attempt, scheduledAt, lateBy, fencingToken } = context;
    this.#runId = runId;
    this.#attempt = attempt;
    this.#startedAt = startedAt;
    this.#toldTimeout = false;
    this.#report.tell({ type: "start", task: this.#task, runId, attempt, scheduledAt, lateBy, fencingToken });
  }

  /** Told when its time is over and not again when it ends (`N12`). */
  timedOut(error: Error, now: number): void {
    this.#toldTimeout = true;
    this.#failed({ outcome: "timedOut", error }, now);
  }

  /**
   * @param stored whether the end was written down; what was not is not told as done (`N11`, `N15`).
   * @param retryAt when the next attempt is due, if there is to be one.
   */
  ended(end: RunEnd, at: number, stored: boolean, retryAt: number | undefined): void {
    const { outcome, error } = end;
    const about = { task: this.#task, runId: this.#runId, attempt: this.#attempt };
    const durationMs = Math.max(0, at - this.#startedAt);
    if (outcome === "leaseLost" || outcome === "aborted") {
      this.#report.tell({ type: "aborted", ...about, durationMs, outcome, ...(error ? { err: error } : {}) });
      if (outcome === "leaseLost" && end.returned === true) this.#notStored("succeeded", error);
    } else if (!stored) this.#notStored(outcome, error);
    else if (outcome === "succeeded") {
      this.#report.tell({ type: "finished", ...about, durationMs });
    } else if (!this.#toldTimeout) this.#failed(end, at, retryAt);
  }

  #notStored(outcome: Outcome, error: Error | undefined): void {
    const message = `the end of run ${this.#runId} of ${quoted(this.#task)} (${outcome}) was not stored: the run had lost its lease`;
    this.#report.tell({ type: "warning", task: this.#task, message, ...(error ? { err: error } : {}) });
  }

  #failed({ outcome, error }: RunEnd, at: number, retryAt?: number): void {
    this.#report.tell({
      type: "failed",
      task: this.#task,
      runId: this.#runId,
      attempt: this.#attempt,
      outcome,
      durationMs: Math.max(0, at - this.#startedAt),
      err: error ?? new Error("failed"),
      ...(retryAt === undefined ? {} : { retryAt: new Date(retryAt) }),
    });
  }
}
