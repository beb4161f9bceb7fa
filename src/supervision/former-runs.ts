import { OstinatoError } from "../errors";
import type { Report } from "./report";
import { quoted } from "../validate";

/**
 * Runs that were given up and have not returned yet. JavaScript cannot kill a function, so nothing of the same name
 * starts before its former run has returned: there are never two at once (`S7`).
 */
export class FormerRuns {
  readonly #report: Report;
  /** What waits for each. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #late: Set<string> | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Something did not end by its deadline; `running` if it has a run that has not returned. */
  givenUp(name: string, running: boolean): void {
    this.#warn(name, "did not end by its shutdown deadline and was given up");
    this.#late?.add(name);
    if (running && !this.#waiting.has(name)) this.#waiting.set(name, []);
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
  }

  /** Begins at once if no run of this name is left, else when it has returned. */
  whenEnded(name: string, begin: () => void): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      begin();
      return;
    }
    this.#warn(name, "starts again when its former run, which was given up, has returned");
    waiting.push(begin);
  }

  /** A run of this name has returned. */
  ended(name: string): void {
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    for (const begin of waiting ?? []) begin();
  }

  /** The runtime stops: from now on everything that is given up counts, and what has not returned yet. */
  stopBegins(): void {
    this.#late = new Set(this.#waiting.keys());
  }

  /** @throws OstinatoError ERR_SHUTDOWN_DEADLINE if the stop left something behind. */
  throwIfLate(): void {
    if (this.#late === undefined || this.#late.size === 0) return;
    const names = [...this.#late].map((name) => quoted(name)).join(", ");
    throw new OstinatoError("ERR_SHUTDOWN_DEADLINE", `did not end by the shutdown deadline: ${names}`);
  }

  #warn(name: string, what: string): void {
    this.#report.tell({ type: "warning", task: name, message: `${quoted(name)} ${what}` });
  }
}
