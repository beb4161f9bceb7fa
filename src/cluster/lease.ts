import { createActor, type ActorRefFrom } from "xstate";
import { leaseMachine, type Tenure } from "../../machines/lease";
import type { TimerId } from "../clock";
import { LeaseLostError, toError } from "../errors";
import { systemRandom, type Random } from "../identity";
import { readFailure, renewAt, retryPause, sleptSince, stopAt, trustedUntil } from "../rules/lease";
import { LeaseRecord, type LeaseRecordOptions, type Taking } from "./lease-record";
import { nextChange } from "./next-change";

export interface HoldLeaseOptions extends LeaseRecordOptions {
  /** Spreads the tries of those who wait for the same lease. */
  random?: Random;
  /** Milliseconds between two tries while the store does not answer. Default a 24th of the lease. */
  retryEvery?: number;
}

/** Those who wait for one lease try within so many milliseconds, so that not all of them write at the same moment. */
const spreadMax = 200;

/** A lease that is not held yet; `acquire` or `campaign` takes it. */
export function holdLease(options: HoldLeaseOptions): Lease {
  return new Lease(options);
}

/**
 * One exclusive thing as this process sees it. Once taken it is renewed by itself until it is released or lost; `signal`
 * tells of the loss a little before the end of trust, so that work can end in time. May be taken again after either.
 */
export class Lease {
  readonly key: string;
  readonly #options: HoldLeaseOptions;
  readonly #record: LeaseRecord;
  readonly #actor: ActorRefFrom<typeof leaseMachine>;
  #controller = new AbortController();
  #attempt: Promise<Taking> | undefined;
  #release: Promise<void> | undefined;
  #renewal: Promise<void> | undefined;
  #timer: TimerId;
  #stopListening: (() => void)[] = [];

  constructor(options: HoldLeaseOptions) {
    this.key = options.key;
    this.#options = options;
    this.#record = new LeaseRecord(options);
    const machine = leaseMachine.provide({
      actions: {
        attempt: () => {
          this.#attempt = this.#take();
        },
        announceTenure: () => {
          this.#begin();
        },
        renew: ({ context }) => {
          if (context.tenure) this.#renewal = this.#renew(context.tenure);
        },
        awaitRenewal: ({ context }) => {
          if (context.tenure) this.#arm(context.tenure, renewAt(context.tenure.startedAt, options.lease));
        },
        awaitRetry: ({ context }) => {
          if (context.tenure) this.#arm(context.tenure, options.clock.monotonic() + this.#retryEvery);
        },
        release: ({ context }) => {
          this.#end("it was released");
          this.#release = this.#giveUp(context.tenure);
        },
        announceLoss: ({ context }) => {
          this.#end(context.reason ?? "unknown");
        },
      },
    });
    this.#actor = createActor(machine, { input: { key: options.key, holder: options.holder } });
    this.#actor.start();
  }

  get #retryEvery(): number {
    return this.#options.retryEvery ?? retryPause(this.#options.lease);
  }

  /** The fencing token of this tenure; undefined when not held. */
  get token(): number | undefined {
    return this.#actor.getSnapshot().context.tenure?.token;
  }

  /** Aborted, with a LeaseLostError, as soon as this tenure must not be relied on for new work. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * May an effect that relies on the lease happen right now? To be asked before each one. After a no this tenure is lost:
   * where a process stood still, the answer to a renewal may be read before the timer that tells of the loss.
   */
  valid(): boolean {
    const snapshot = this.#actor.getSnapshot();
    const { tenure } = snapshot.context;
    const { clock, lease } = this.#options;
    if (tenure === undefined || snapshot.value === "releasing") return false;
    const now = clock.monotonic();
    if (now < trustedUntil(tenure.startedAt, lease) && !sleptSince(tenure.skew, clock.now() - now, lease)) return true;
    this.#lapse();
    return false;
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
        await change.pause(this.#retryEvery * (1 + random()));
      } finally {
        change.end();
      }
    }
  }

  /** Gives the lease up, so that others can take it at once. To be called when the work that relied on it has ended. */
  async release(): Promise<void> {
    this.#actor.send({ type: "RELEASE" });
    if (this.#actor.getSnapshot().matches("acquiring")) await this.#attempt?.catch(() => undefined);
    await this.#release;
  }

  async #try(): Promise<Taking> {
    if (this.#release !== undefined) await this.#release;
    const snapshot = this.#actor.getSnapshot();
    if (snapshot.matches("held") && snapshot.context.tenure) return { taken: true, tenure: snapshot.context.tenure };
    this.#actor.send({ type: "ACQUIRE" });
    const taking = await (this.#attempt as Promise<Taking>);
    if (!taking.taken || this.#actor.getSnapshot().matches("held")) return taking;
    return { taken: false, holder: this.#options.holder, waitMs: 0 };
  }

  async #take(): Promise<Taking> {
    try {
      const taking = await this.#record.take();
      if (taking.taken) this.#actor.send({ type: "ACQUIRED", tenure: taking.tenure });
      else this.#actor.send({ type: "REFUSED", reason: `held by "${taking.holder}"` });
      return taking;
    } catch (error) {
      this.#actor.send({ type: "REFUSED", reason: toError(error).message });
      throw error;
    }
  }

  #begin(): void {
    const { clock, view, key } = this.#options;
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    const look = (): void => {
      this.#lapse();
    };
    const stopListening = clock.onWallJump?.(look);
    const stopWatching = view.on(key, () => {
      this.#seeChange();
    });
    this.#stopListening = stopListening === undefined ? [stopWatching] : [stopWatching, stopListening];
  }

  /** Another revision than our own is no proof, but a reason to renew at once: the write will tell. */
  #seeChange(): void {
    const { tenure } = this.#actor.getSnapshot().context;
    const seen = this.#options.view.get(this.key);
    if (tenure !== undefined && seen?.entry.revision !== tenure.revision && this.#renewal === undefined) {
      this.#actor.send({ type: "RENEW" });
    }
  }

  /** One timer: the next renewal, or the moment to stop, whichever comes first. */
  #arm(tenure: Tenure, at: number): void {
    const { clock, lease } = this.#options;
    clock.clearTimeout(this.#timer);
    const due = Math.min(at, stopAt(tenure.startedAt, lease));
    const fire = (): void => {
      if (this.#lapse()) return;
      // Timers of a real clock may fire a little early.
      if (clock.monotonic() < due) this.#arm(tenure, at);
      else this.#actor.send({ type: "RENEW" });
    };
    this.#timer = clock.setTimeout(fire, Math.max(0, Math.ceil(due - clock.monotonic())));
  }

  /** Ends the tenure when its time is over by this clock; a tenure that has lapsed is never resumed. */
  #lapse(): boolean {
    const { tenure } = this.#actor.getSnapshot().context;
    const { clock, lease } = this.#options;
    if (tenure === undefined) return true;
    const now = clock.monotonic();
    if (sleptSince(tenure.skew, clock.now() - now, lease)) {
      this.#actor.send({ type: "SLEPT", reason: "the wall clock jumped, as after a suspend" });
      return true;
    }
    if (now < stopAt(tenure.startedAt, lease)) return false;
    this.#actor.send({ type: "LAPSED", reason: "it could not be renewed in time" });
    return true;
  }

  async #renew(tenure: Tenure): Promise<void> {
    this.#arm(tenure, Infinity);
    const event = await this.#record.renew(tenure);
    this.#renewal = undefined;
    // Another tenure may have begun since.
    if (this.#actor.getSnapshot().context.tenure?.number === tenure.number) this.#actor.send(event);
  }

  #end(reason: string): void {
    this.#options.clock.clearTimeout(this.#timer);
    for (const stop of this.#stopListening) stop();
    this.#stopListening = [];
    if (!this.#controller.signal.aborted) {
      this.#controller.abort(new LeaseLostError(`the lease on "${this.key}" is gone: ${reason}`));
    }
  }

  async #giveUp(tenure: Tenure | undefined): Promise<void> {
    await this.#renewal;
    if (tenure !== undefined) await this.#record.giveUp(tenure);
    this.#release = undefined;
    this.#actor.send({ type: "RELEASED" });
  }
}
