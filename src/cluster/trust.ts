import type { Tenure } from "../../machines/lease";
import type { Clock } from "../clock";
import { momentOf, mustStop, renewAt, sleptSince, stopAt, trustedUntil, type Moment } from "../rules/lease";
import type { View } from "./view";

export interface TrustOptions {
  key: string;
  /** Length of the lease in milliseconds. */
  lease: number;
  clock: Clock;
  view: View;
}

/**
 * How long a holder may trust its tenure. The windows count from the start of the last renewal, or from the last moment
 * at which nobody else watched the key, if that is later: until then nobody else can have begun to wait for the lease.
 */
export class Trust {
  readonly #options: TrustOptions;
  #alone: Moment | undefined;
  #stopVouching: (() => void) | undefined;

  constructor(options: TrustOptions) {
    this.#options = options;
  }

  /** Nobody else watches the key: the lease need not be renewed. */
  get isAlone(): boolean {
    return this.#stopVouching !== undefined;
  }

  renewAt(tenure: Tenure): number {
    return renewAt(this.#since(tenure).startedAt, this.#options.lease);
  }

  stopAt(tenure: Tenure): number {
    return stopAt(this.#since(tenure).startedAt, this.#options.lease);
  }

  /** May an effect that relies on the lease happen right now? */
  isValid(tenure: Tenure): boolean {
    if (this.isAlone) return true;
    const { clock, lease } = this.#options;
    const now = momentOf(clock);
    const since = this.#since(tenure);
    return now.startedAt < trustedUntil(since.startedAt, lease) && !sleptSince(since.skew, now.skew, lease);
  }

  /** Why the holder must stop now, if it must. A wall that moved counts also where nobody else watches. */
  mustStop(tenure: Tenure): "slept" | "lapsed" | undefined {
    const { clock, lease } = this.#options;
    const since = this.#since(tenure);
    const now = momentOf(clock);
    return mustStop(since, this.isAlone ? { ...since, skew: now.skew } : now, lease);
  }

  /** Begins to do without renewals if nobody else watches the key, until `joined` is called or `endSolitude`. */
  beginSolitude(joined: () => void): boolean {
    const { view, key } = this.#options;
    this.#stopVouching = view.vouch(key, () => {
      this.endSolitude();
      joined();
    });
    return this.isAlone;
  }

  endSolitude(): void {
    const stop = this.#stopVouching;
    if (stop === undefined) return;
    this.#stopVouching = undefined;
    this.#alone = momentOf(this.#options.clock);
    stop();
  }

  #since(tenure: Tenure): Moment {
    return this.#alone !== undefined && this.#alone.startedAt > tenure.startedAt ? this.#alone : tenure;
  }
}
