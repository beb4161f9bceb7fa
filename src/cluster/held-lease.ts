import { createActor, type ActorRefFrom } from "xstate";
import { leaseMachine, type LeaseEvent, type Tenure } from "../../machines/lease";
import type { Clock, TimerId } from "../clock";
import { LeaseLostError } from "../errors";
import { momentOf, mustStop, renewAt, retryPause, sleptSince, stopAt, trustedUntil, type Moment } from "../rules/lease";
import type { LeaseRecord } from "./lease-record";
import type { View } from "./view";

export interface HeldLeaseOptions {
  key: string;
  /** Who holds it: the node, as people know it. */
  holder: string;
  /** Length in milliseconds. */
  lease: number;
  clock: Clock;
  /** A running view of a prefix that holds the key. */
  view: View;
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
 *
 * Most tasks end before their lease has to be renewed, so the statechart is started only when something happens to the
 * lease.
 */
export class HeldLease {
  readonly key: string;
  readonly #options: HeldLeaseOptions;
  readonly #record: LeaseRecord;
  readonly #effects: HeldLeaseEffects;
  #chart: ActorRefFrom<typeof leaseMachine> | undefined;
  /** The tenure until the statechart is started. */
  #begun: Tenure | undefined;
  /** The last moment at which nobody else watched the key, if that is later than the last renewal. */
  #alone: Moment | undefined;
  #stopVouching: (() => void) | undefined;
  #controller: AbortController | undefined;
  #over: LeaseLostError | undefined;
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
  }

  /** The fencing token of this tenure; undefined when not held. */
  get token(): number | undefined {
    return this.#tenure?.token;
  }

  /** Aborted, with a LeaseLostError, as soon as this tenure must not be relied on for new work. */
  get signal(): AbortSignal {
    const controller = (this.#controller ??= new AbortController());
    if (this.#over !== undefined && !controller.signal.aborted) controller.abort(this.#over);
    return controller.signal;
  }

  /**
   * May an effect that relies on the lease happen right now? To be asked before each one. After a no this tenure is lost:
   * where a process stood still, the answer to a renewal may be read before the timer that reports the loss.
   */
  valid(): boolean {
    const tenure = this.#tenure;
    if (tenure === undefined || this.state === "releasing") return false;
    if (this.#stopVouching !== undefined) return true;
    const { clock, lease } = this.#options;
    const now = momentOf(clock);
    const since = this.#since(tenure);
    if (now.startedAt < trustedUntil(since.startedAt, lease) && !sleptSince(since.skew, now.skew, lease)) return true;
    this.#lapse();
    return false;
  }

  /** Holds the lease from now on, by a write that the caller has made. */
  begin(tenure: Tenure): void {
    this.#begun = tenure;
    this.#start();
    this.#awaitRenewal(tenure);
  }

  /** Gives the lease up, so that others can take it at once. To be called when the work that relied on it has ended. */
  async release(): Promise<void> {
    if (this.#chart === undefined) {
      const tenure = this.#begun;
      this.#begun = undefined;
      if (tenure === undefined) return;
      this.#end("it was released");
      await this.#effects.conclude(tenure);
      return;
    }
    this.send({ type: "RELEASE" });
    await this.#ending;
  }

  /** Lets the lease run out: nobody renews it any more, and when it may no longer be trusted, it is lost for this reason. */
  letExpire(reason: string): void {
    this.#expiry = reason;
    this.#vouchNoMore();
    const tenure = this.#tenure;
    if (tenure !== undefined && this.state === "held") this.#arm(tenure, Infinity);
  }

  /** Does nothing more about the lease; its record is left as it is. */
  abandon(): void {
    this.#begun = undefined;
    this.#chart?.stop();
    this.#stopAll();
  }

  protected get state(): string {
    const value = this.#chart?.getSnapshot().value;
    if (value === undefined) return this.#begun === undefined ? "absent" : "held";
    return typeof value === "string" ? value : "held";
  }

  /** The tenure, while it is held. */
  protected get held(): Tenure | undefined {
    return this.state === "held" ? this.#tenure : undefined;
  }

  /** Resolves when the tenure that is being ended has ended; undefined if there is none. */
  protected get ending(): Promise<void> | undefined {
    return this.#ending;
  }

  protected send(event: LeaseEvent): void {
    this.#chart ??= this.#startChart();
    // A chart that was stopped concerns nobody any more.
    if (this.#chart.getSnapshot().status === "active") this.#chart.send(event);
  }

  /** The statechart wants the lease to be taken. */
  protected attempt(): void {
    throw new Error("a lease that is begun by others cannot be taken");
  }

  get #tenure(): Tenure | undefined {
    return this.#chart === undefined ? this.#begun : this.#chart.getSnapshot().context.tenure;
  }

  #since(tenure: Tenure): Moment {
    return this.#alone !== undefined && this.#alone.startedAt > tenure.startedAt ? this.#alone : tenure;
  }

  #startChart(): ActorRefFrom<typeof leaseMachine> {
    const { key, holder, clock } = this.#options;
    const machine = leaseMachine.provide({
      actions: {
        attempt: () => this.attempt(),
        announceTenure: () => this.#start(),
        renew: ({ context }) => {
          if (context.tenure) this.#renewal = this.#renew(context.tenure);
        },
        awaitRenewal: ({ context }) => {
          if (context.tenure) this.#awaitRenewal(context.tenure);
        },
        awaitRetry: ({ context }) => {
          if (context.tenure) this.#arm(context.tenure, clock.monotonic() + this.retryEvery);
        },
        release: ({ context }) => {
          this.#end("it was released");
          this.#ending = this.#giveUp(context.tenure);
        },
        announceLoss: ({ context }) => {
          const error = this.#end(context.reason ?? "unknown");
          this.#effects.onLost?.(error);
        },
      },
    });
    const tenure = this.#begun;
    this.#begun = undefined;
    const input = { key, holder };
    const context = { ...input, withdrawn: false, tenure };
    const held = machine.resolveState({ value: { held: "trusted" }, context });
    const chart = createActor(machine, tenure === undefined ? { input } : { input, snapshot: held });
    return chart.start();
  }

  protected get retryEvery(): number {
    return this.#options.retryEvery ?? retryPause(this.#options.lease);
  }

  #start(): void {
    const { clock, view, key } = this.#options;
    if (this.#over !== undefined) this.#over = this.#controller = undefined;
    this.#alone = this.#expiry = undefined;
    this.#stopListening = clock.onWallJump?.(() => this.#lapse());
    this.#stopWatching = view.on(key, () => this.#seeChange());
  }

  #awaitRenewal(tenure: Tenure): void {
    this.#arm(tenure, renewAt(this.#since(tenure).startedAt, this.#options.lease));
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
    this.#vouchNoMore();
    if (this.#expiry === undefined) this.send({ type: "RENEW" });
  }

  /** One timer: the next renewal, or the moment to stop, whichever comes first. */
  #arm(tenure: Tenure, at: number): void {
    const { clock, lease } = this.#options;
    clock.clearTimeout(this.#timer);
    const renewal = this.#expiry === undefined ? at : Infinity;
    const due = Math.min(renewal, stopAt(this.#since(tenure).startedAt, lease));
    const fire = (): void => {
      if (this.#lapse()) return;
      // Timers of a real clock may fire a little early.
      if (clock.monotonic() < due) this.#arm(tenure, at);
      else if (!this.#vouch()) this.send({ type: "RENEW" });
    };
    this.#timer = clock.setTimeout(fire, Math.max(0, Math.ceil(due - clock.monotonic())));
  }

  /**
   * Where nobody else watches the key, nobody else can have begun to wait for it: the windows count from the moment
   * somebody does, as they otherwise do from the start of a renewal.
   */
  #vouch(): boolean {
    const { view, key } = this.#options;
    const tenure = this.held;
    const isTrusted = this.#chart?.getSnapshot().matches({ held: "trusted" }) ?? true;
    if (!isTrusted || view.get(key)?.entry.revision !== tenure?.revision) return false;
    this.#stopVouching = view.vouch(key, () => {
      this.#vouchNoMore();
      const still = this.held;
      if (still !== undefined) this.#awaitRenewal(still);
    });
    return this.#stopVouching !== undefined;
  }

  #vouchNoMore(): void {
    const stop = this.#stopVouching;
    if (stop === undefined) return;
    this.#stopVouching = undefined;
    this.#alone = momentOf(this.#options.clock);
    stop();
  }

  /** Ends the tenure when its time is over by this clock; a tenure that has lapsed is never resumed. */
  #lapse(): boolean {
    const tenure = this.#tenure;
    if (tenure === undefined) return true;
    const { clock, lease } = this.#options;
    const now = momentOf(clock);
    const since = this.#since(tenure);
    // While nobody else watches, elapsed time does not matter.
    const why = mustStop(since, this.#stopVouching === undefined ? now : { ...since, skew: now.skew }, lease);
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
    if (this.#tenure?.number !== tenure.number) return;
    this.#lapse();
    this.send(event);
    const { entry } = this.#options.view.get(this.key) ?? {};
    if (this.#changedMeanwhile && event.type === "RENEWED" && entry?.revision !== event.tenure.revision)
      this.#renewNow();
  }

  #end(reason: string): LeaseLostError {
    this.#stopAll();
    const error = (this.#over = new LeaseLostError(`the lease on "${this.key}" is gone: ${reason}`));
    this.#controller?.abort(error);
    return error;
  }

  #stopAll(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#stopWatching?.();
    this.#stopListening?.();
    this.#stopWatching = this.#stopListening = undefined;
    this.#vouchNoMore();
  }

  async #giveUp(tenure: Tenure | undefined): Promise<void> {
    await this.#renewal;
    if (tenure !== undefined) await this.#effects.conclude(tenure);
    this.#ending = undefined;
    this.send({ type: "RELEASED" });
  }
}
