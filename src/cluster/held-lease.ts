import type { LeaseEvent, Tenure } from "../../machines/lease";
import type { TimerId } from "../clock";
import type { LeaseLostError } from "../errors";
import { retryPause } from "../rules/lease";
import { LeaseChart, type LeaseActions } from "./lease-chart";
import type { LeaseRecord } from "./lease-record";
import { LeaseSignal } from "./lease-signal";
import { Trust, type TrustOptions } from "./trust";

export interface HeldLeaseOptions extends TrustOptions {
  /** Who holds it: the node, as people know it. */
  holder: string;
  /** Milliseconds between two tries while the store does not answer. Default a 24th of the lease. */
  retryEvery?: number;
}

/** What a lease asks of those who take it. */
export interface HeldLeaseEffects {
  /** Ends a tenure in the record. Must not reject. */
  readonly conclude: (tenure: Tenure) => Promise<unknown>;
  /** Called when a tenure is lost, not when it is released. Must not throw. */
  readonly onLost?: (error: LeaseLostError) => void;
}

/**
 * A lease from the moment it is taken until it is released or lost. It is renewed by itself; `signal` reports the loss a
 * little before the end of trust, so that work can end in time. In a store that no other process can reach, it is not
 * renewed while nobody else watches its key.
 */
export class HeldLease {
  readonly key: string;
  readonly #options: HeldLeaseOptions;
  readonly #record: LeaseRecord;
  readonly #effects: HeldLeaseEffects;
  readonly #trust: Trust;
  readonly #chart: LeaseChart;
  readonly #end: LeaseSignal;
  #ending: Promise<void> | undefined;
  #renewal: Promise<void> | undefined;
  #changedMeanwhile = false;
  #expiry: string | undefined;
  #timer: TimerId;
  #stopWatching: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(options: HeldLeaseOptions, record: LeaseRecord, effects: HeldLeaseEffects) {
    this.key = options.key;
    this.#options = options;
    this.#record = record;
    this.#effects = effects;
    this.#trust = new Trust(options);
    this.#end = new LeaseSignal(options.key);
    this.#chart = new LeaseChart(options, () => this.#actions());
  }

  /** The fencing token of this tenure; undefined when not held. */
  get token(): number | undefined {
    return this.#chart.tenure?.token;
  }

  /** Aborted, with a LeaseLostError, as soon as this tenure must not be relied on for new work. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /**
   * May an effect that relies on the lease happen right now? To be asked before each one. After a no this tenure is lost:
   * where a process stood still, the answer to a renewal may be read before the timer that reports the loss.
   */
  valid(): boolean {
    const { tenure } = this.#chart;
    if (tenure === undefined || this.state === "releasing") return false;
    if (this.#trust.isValid(tenure)) return true;
    this.#lapse();
    return false;
  }

  /** Holds the lease from now on, by a write that the caller has made. */
  begin(tenure: Tenure): void {
    this.#chart.begin(tenure);
    this.#start();
    this.#awaitRenewal(tenure);
  }

  /** Gives the lease up, so that others can take it at once. To be called when the work that relied on it has ended. */
  async release(): Promise<void> {
    const tenure = this.#chart.drop();
    if (tenure !== undefined) {
      this.#stopAll("it was released");
      await this.#effects.conclude(tenure);
      return;
    }
    this.send({ type: "RELEASE" });
    await this.#ending;
  }

  /** Lets the lease run out: nobody renews it any more, and when it may no longer be trusted, it is lost for this reason. */
  letExpire(reason: string): void {
    this.#expiry = reason;
    this.#trust.endSolitude();
    const { held } = this;
    if (held !== undefined) this.#arm(held, Infinity);
  }

  /** Does nothing more about the lease; its record is left as it is. */
  abandon(): void {
    this.#chart.stop();
    this.#stopAll("it was abandoned");
  }

  protected get state(): string {
    return this.#chart.state;
  }

  protected get held(): Tenure | undefined {
    return this.state === "held" ? this.#chart.tenure : undefined;
  }

  /** Resolves when the tenure that is being ended has ended; undefined if there is none. */
  protected get ending(): Promise<void> | undefined {
    return this.#ending;
  }

  protected send(event: LeaseEvent): void {
    this.#chart.send(event);
  }

  /** The statechart wants the lease to be taken. */
  protected attempt(): void {
    throw new Error("a lease that is begun by others cannot be taken");
  }

  protected get retryEvery(): number {
    return this.#options.retryEvery ?? retryPause(this.#options.lease);
  }

  #actions(): LeaseActions {
    return {
      attempt: () => this.attempt(),
      announceTenure: () => this.#start(),
      renew: (tenure) => {
        this.#renewal = this.#renew(tenure);
      },
      awaitRenewal: (tenure) => this.#awaitRenewal(tenure),
      awaitRetry: (tenure) => this.#arm(tenure, this.#options.clock.monotonic() + this.retryEvery),
      release: (tenure) => {
        this.#stopAll("it was released");
        this.#ending = this.#giveUp(tenure);
      },
      announceLoss: (reason) => {
        this.#stopAll(reason);
        this.#effects.onLost?.(this.#end.error);
      },
    };
  }

  #start(): void {
    const { clock, view, key } = this.#options;
    this.#end.begin();
    this.#expiry = undefined;
    this.#stopListening = clock.onWallJump?.(() => this.#lapse());
    this.#stopWatching = view.on(key, () => this.#seeChange());
  }

  #awaitRenewal(tenure: Tenure): void {
    this.#arm(tenure, this.#trust.renewAt(tenure));
  }

  /**
   * A record that names another holder at a later revision is proof. Any other change is none, but a reason to renew at
   * once: the write will tell.
   */
  #seeChange(): void {
    const tenure = this.held;
    if (tenure === undefined) return;
    const entry = this.#options.view.get(this.key)?.entry;
    if (entry?.revision === tenure.revision) return;
    const reason = entry && this.#record.takenIn(tenure, entry);
    if (reason !== undefined) this.send({ type: "TAKEN", reason });
    else if (this.#renewal !== undefined) this.#changedMeanwhile = true;
    else this.#renewNow();
  }

  #renewNow(): void {
    this.#trust.endSolitude();
    if (this.#expiry === undefined) this.send({ type: "RENEW" });
  }

  /** One timer: the next renewal, or the moment to stop, whichever comes first. */
  #arm(tenure: Tenure, at: number): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    const due = Math.min(this.#expiry === undefined ? at : Infinity, this.#trust.stopAt(tenure));
    const fire = (): void => {
      if (this.#lapse()) return;
      // Timers of a real clock may fire a little early.
      if (clock.monotonic() < due) this.#arm(tenure, at);
      else if (!this.#needsNoRenewal()) this.send({ type: "RENEW" });
    };
    this.#timer = clock.setTimeout(fire, Math.max(0, Math.ceil(due - clock.monotonic())));
  }

  #needsNoRenewal(): boolean {
    const tenure = this.held;
    if (!this.#chart.isTrusted || this.#options.view.get(this.key)?.entry.revision !== tenure?.revision) return false;
    return this.#trust.beginSolitude(() => {
      const still = this.held;
      if (still !== undefined) this.#awaitRenewal(still);
    });
  }

  /** Ends the tenure when its time is over by this clock; a tenure that has lapsed is never resumed. */
  #lapse(): boolean {
    const { tenure } = this.#chart;
    if (tenure === undefined) return true;
    const why = this.#trust.mustStop(tenure);
    if (why === undefined) return false;
    if (why === "slept") this.send({ type: "SLEPT", reason: "the wall clock jumped, as after a suspend" });
    else this.send({ type: "LAPSED", reason: this.#expiry ?? "it could not be renewed in time" });
    return true;
  }

  async #renew(tenure: Tenure): Promise<void> {
    this.#changedMeanwhile = false;
    this.#arm(tenure, Infinity);
    const event = await this.#record.renew(tenure);
    this.#renewal = undefined;
    // Another tenure may have begun since, and this one may have lapsed while the process stood still.
    if (this.#chart.tenure?.number !== tenure.number) return;
    this.#lapse();
    this.send(event);
    if (this.#changedMeanwhile) this.#seeChange();
  }

  #stopAll(reason: string): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#stopWatching?.();
    this.#stopListening?.();
    this.#stopWatching = this.#stopListening = undefined;
    this.#trust.endSolitude();
    this.#end.end(reason);
  }

  async #giveUp(tenure: Tenure | undefined): Promise<void> {
    await this.#renewal;
    if (tenure !== undefined) await this.#effects.conclude(tenure);
    this.#ending = undefined;
    this.send({ type: "RELEASED" });
  }
}
