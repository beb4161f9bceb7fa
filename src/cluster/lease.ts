import { toError } from "../errors";
import { systemRandom, type Random } from "../identity";
import { readFailure, retryPause } from "../rules/lease";
import { HeldLease, type HeldLeaseOptions } from "./held-lease";
import { nextChange } from "./next-change";
import { OwnRecord, type OwnRecordOptions, type Taking } from "./own-record";
import { cut } from "../foreign";
import { quoted } from "../validate";

export interface LeaseOptions extends OwnRecordOptions, Pick<HeldLeaseOptions, "retryEvery"> {
  /** Spreads the tries of those who wait for the same lease. */
  random?: Random;
}

/** Those who wait for one lease try within so many milliseconds, so that not all of them write at the same moment. */
const spreadMax = 200;

/** A lease that is not held yet; `acquire` or `campaign` takes it. */
export function createLease(options: LeaseOptions): Lease {
  return new Lease(options);
}

/** One exclusive thing as this process sees it. May be taken again after it was released or lost. */
export class Lease extends HeldLease {
  readonly #options: LeaseOptions;
  readonly #record: OwnRecord;
  #attempt: Promise<Taking> | undefined;

  constructor(options: LeaseOptions) {
    const record = new OwnRecord(options);
    super(options, record, { conclude: (tenure) => record.giveUp(tenure) });
    this.#options = options;
    this.#record = record;
  }

  /**
   * Tries once, without waiting. Resolves to undefined when somebody else holds it.
   *
   * @throws OstinatoError as the store's calls do; after ERR_STORE_UNKNOWN the record may turn out to be ours, and is
   *   then taken by the next try or runs out.
   */
  async acquire(): Promise<{ token: number } | undefined> {
    const taking = await this.#try();
    return taking.taken ? { token: taking.tenure.token } : undefined;
  }

  /**
   * Waits until the lease is taken: at once when it is released (the view tells), otherwise when its holder has not
   * renewed it for a lease. An unreachable store is waited for.
   *
   * @throws the signal's reason when it is aborted; OstinatoError when the store is closed or refuses.
   */
  async campaign(signal: AbortSignal): Promise<{ token: number }> {
    const { random = systemRandom, lease, view, clock } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const change = nextChange(view, this.key, clock, signal);
      try {
        const taking = await this.#try();
        if (taking.taken && !signal.aborted) return { token: taking.tenure.token };
        // Looking again at every change costs no request while somebody else renews.
        if (taking.taken) await this.release();
        else await change.within(taking.waitMs + random() * Math.min(retryPause(lease), spreadMax));
      } catch (error) {
        if (readFailure(error) === "hopeless") throw error;
        await change.pause(this.retryEvery * (1 + random()));
      } finally {
        change.end();
      }
    }
  }

  override async release(): Promise<void> {
    const released = super.release();
    if (this.state === "acquiring") await this.#attempt?.catch(() => undefined);
    await released;
    await this.ending;
  }

  protected override attempt(): void {
    this.#attempt = this.#take();
  }

  async #try(): Promise<Taking> {
    if (this.ending !== undefined) await this.ending;
    const { held } = this;
    if (held !== undefined) return { taken: true, tenure: held };
    this.send({ type: "ACQUIRE" });
    const taking = await (this.#attempt as Promise<Taking>);
    if (!taking.taken || this.state === "held") return taking;
    return { taken: false, holder: this.#options.holder, waitMs: 0 };
  }

  async #take(): Promise<Taking> {
    try {
      const taking = await this.#record.take();
      if (taking.taken) this.send({ type: "ACQUIRED", tenure: taking.tenure });
      else this.send({ type: "REFUSED", reason: `held by ${quoted(cut(taking.holder, 512))}` });
      return taking;
    } catch (error) {
      this.send({ type: "REFUSED", reason: toError(error).message });
      throw error;
    }
  }
}
