import type { Verdict } from "../../machines/events";
import type { Alarm } from "../alarms";
import type { Host } from "./host";
import type { Overdue } from "./overdue";
import type { ParsedSpec } from "./spec";

/** Between two looks at a store that cannot be reached. */
const unreachablePause = { first: 100, longest: 5_000 };

/** What an idle task waits for, with one alarm; and, while it waits, the sign of life that monitors look for (`N10`). */
export class Wait {
  readonly #spec: ParsedSpec;
  readonly #host: Host;
  readonly #overdue: Overdue;
  readonly #look: () => void;
  #alarm: Alarm | undefined;
  #unlisten: (() => void) | undefined;
  #aliveAt = -Infinity;
  #aliveRun: string | undefined;
  #failedLooks = 0;
  /** Whether the task waits: only then does a change of its record matter. */
  active = false;

  constructor(spec: ParsedSpec, host: Host, overdue: Overdue, look: () => void) {
    this.#spec = spec;
    this.#host = host;
    this.#overdue = overdue;
    this.#look = look;
  }

  /** Until the next look that `verdict` makes sensible. @param lastRun the id of the last run, on whichever node. */
  afterVerdict(verdict: Verdict | undefined, lastRun: string | undefined): void {
    this.active = true;
    const { alarms, clock, random } = this.#host;
    const { maxCycle } = this.#spec;
    this.#failedLooks = verdict?.type === "UNREACHABLE" ? this.#failedLooks + 1 : 0;
    switch (verdict?.type) {
      case "NOT_DUE":
        if (verdict.nextDue === Infinity) return;
        this.#overdue.expect(verdict.nextDue);
        if (verdict.nextDue > clock.now()) this.#tellAlive(verdict.nextDue, lastRun);
        this.#alarm =
          verdict.lookIn === undefined
            ? alarms.at(Math.min(verdict.nextDue, this.#aliveAt + maxCycle), this.#look)
            : alarms.after(Math.min(verdict.lookIn, verdict.nextDue - clock.now()), this.#look);
        this.#unlisten = clock.onWallJump?.(this.#look);
        return;
      case "HELD":
        this.#alarm = alarms.after(verdict.retryIn, this.#look);
        return;
      case "UNREACHABLE": {
        this.#overdue.late("the store cannot be reached");
        const { first, longest } = unreachablePause;
        const pause = Math.min(longest, first * 2 ** Math.min(10, this.#failedLooks - 1));
        this.#alarm = alarms.after(pause * (0.8 + 0.4 * random()), this.#look);
        return;
      }
      default:
        this.#alarm = alarms.at(clock.now() + maxCycle, this.#look);
    }
  }

  /** Until this time of the wall, which is when the next attempt is due. */
  until(at: number): void {
    this.active = true;
    this.#alarm = this.#host.alarms.at(at, this.#look);
    this.#unlisten = this.#host.clock.onWallJump?.(this.#look);
  }

  end(): void {
    this.active = false;
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  /** Right after a run, on whichever node, and then at least every maxCycle. */
  #tellAlive(nextDue: number, lastRun: string | undefined): void {
    const now = this.#host.clock.now();
    if (lastRun === this.#aliveRun && now < this.#aliveAt + this.#spec.maxCycle && now >= this.#aliveAt) return;
    this.#aliveRun = lastRun;
    this.#aliveAt = now;
    this.#host.report.tell({ type: "alive", task: this.#spec.name, nextRun: new Date(nextDue) });
  }
}
