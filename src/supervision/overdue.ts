import type { Alarm } from "../alarms";
import type { Host } from "./host";
import type { ParsedSpec } from "./spec";

/**
 * A schedule's own watchdog (`N23`): says so when a run that was expected has not begun within its window, names the
 * reason, and says so again when runs go on. The window is the task's `minCycle` (and its `spread` and `jitter`).
 */
export class Overdue {
  readonly #spec: ParsedSpec;
  readonly #host: Host;
  /** When the next start is expected: on the wall, and as elapsed time, so that a set clock is no lateness. */
  #expected: { wall: number; elapsed: number } | undefined;
  #told: { at: number; reason: string } | undefined;
  #alarm: Alarm | undefined;

  constructor(spec: ParsedSpec, host: Host) {
    this.#spec = spec;
    this.#host = host;
  }

  /** Since when and why the task is overdue, if it is. */
  get state(): { since: Date; reason: string } | undefined {
    return this.#told && { since: new Date(this.#told.at), reason: this.#told.reason };
  }

  get #window(): number {
    return (this.#spec.rule?.grace ?? 0) + this.#spec.jitter;
  }

  expect(wall: number): void {
    const { clock } = this.#host;
    this.#expected = { wall, elapsed: clock.monotonic() + Math.max(0, wall - clock.now()) };
  }

  /** A run begins here or was seen to begin elsewhere; `next` is when the one after it is due. */
  began(here: boolean, next: number | undefined): void {
    const { clock, report, alarms } = this.#host;
    const late = this.#expected === undefined ? 0 : clock.monotonic() - this.#expected.elapsed;
    if (here && this.#told === undefined && late > this.#window) this.#tell("the event loop was blocked");
    if (this.#told !== undefined) {
      report.tell({ type: "recovered", task: this.#spec.name, overdueMs: Math.round(clock.now() - this.#told.at) });
      this.#told = undefined;
    }
    this.#expected = undefined;
    if (!here || next === undefined) return;
    this.expect(next);
    this.#alarm = alarms.at(next + this.#window + 1, () => this.late("the previous run has not ended"));
  }

  /** The run that began has ended. */
  ended(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  /** Something keeps the run that was expected from beginning; told once its window is over. */
  late(reason: string): void {
    const { clock } = this.#host;
    if (this.#expected === undefined) this.expect(clock.now());
    else if (this.#told === undefined && clock.monotonic() - this.#expected.elapsed > this.#window) this.#tell(reason);
  }

  /** No run begins although one is due soon, or was. */
  now(reason: string): void {
    this.#expected = undefined;
    if (this.#told === undefined) this.#tell(reason);
  }

  forget(): void {
    this.ended();
    this.#expected = undefined;
    this.#told = undefined;
  }

  #tell(reason: string): void {
    const dueAt = this.#expected?.wall ?? this.#host.clock.now();
    this.#told = { at: dueAt, reason };
    this.#host.report.tell({ type: "overdue", task: this.#spec.name, reason, dueAt: new Date(dueAt) });
  }
}
