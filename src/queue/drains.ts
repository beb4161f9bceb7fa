import type { Alarm, Alarms } from "../alarms";
import type { OwnedPartition } from "./owned-partition";

/** For so many leases a run may keep its partition from being given back, or taken again. */
const leasesOfPatience = 2;

/** Who waits for the runs of a partition to end, so that it can be given back or taken again. */
export class Drains {
  readonly #alarms: Alarms;
  readonly #patience: number;
  readonly #waiting = new Map<number, () => void>();
  #isStopping = false;
  #isGivenUp = false;

  constructor(alarms: Alarms, lease: number) {
    this.#alarms = alarms;
    this.#patience = leasesOfPatience * lease;
  }

  /** Resolves when no run of the partition is left, or patience is at its end; while all is stopping that has no end. */
  async wait(partition: OwnedPartition): Promise<void> {
    while (partition.running > 0 && !this.#isGivenUp) {
      let late: Alarm | undefined;
      await new Promise<void>((resolve) => {
        this.#waiting.set(partition.number, resolve);
        if (!this.#isStopping) late = this.#alarms.after(this.#patience, resolve);
      });
      late?.cancel();
      this.#waiting.delete(partition.number);
      if (!this.#isStopping) return;
    }
  }

  /** A run of the partition has ended. */
  look({ number, running }: OwnedPartition): void {
    if (running === 0) this.#waiting.get(number)?.();
  }

  /** From now on every run is waited for. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Nothing is waited for any more. */
  giveUp(): void {
    this.#isGivenUp = true;
    for (const resolve of this.#waiting.values()) resolve();
  }
}
