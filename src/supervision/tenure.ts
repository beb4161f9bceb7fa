import { createActor, type ActorRefFrom } from "xstate";
import { leaseMachine, type LeaseEvent, type Tenure as LeaseTenure } from "../../machines/lease";
import type { TimerId } from "../clock";
import { LeaseLostError, toError } from "../errors";
import { backoffDelay } from "../rules/backoff";
import { readFailure, renewAt, retryPause, trustedUntil } from "../rules/lease";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { Holding, RecordPlace } from "./record-place";

export interface TenureOptions {
  readonly claims: Holding;
  readonly place: RecordPlace;
  readonly record: TaskRecord;
  readonly revision: number;
  readonly token: number;
  /** Elapsed time at which the claim that succeeded was sent. */
  readonly startedAt: number;
}

/** Shared by those that have not begun to renew: most never do. */
const never = new Map<number, number>();
const conflictsAtOnce = 4;
const pauses = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.2, limit: Infinity };

/**
 * The time for which this node holds a task's record. Most runs end before anything has to be renewed; for one that
 * does not, the statechart of leases (`machines/lease`) is started. Writes are one at a time; an answer that never came is
 * settled by reading, because the write may have been applied or may yet be.
 */
export class Tenure {
  readonly token: number;
  readonly #claims: TenureOptions["claims"];
  readonly #place: RecordPlace;
  readonly #startedAt: number;
  #record: TaskRecord;
  #revision: number;
  #trustedUntil: number;
  #timer: TimerId;
  #lease: ActorRefFrom<typeof leaseMachine> | undefined;
  #renewal: Promise<void> | undefined;
  /** Starts of renewals without an answer, by the count that each wrote. */
  #unanswered: Map<number, number> = never;
  #renewalsTried: number;
  /** The record as it was read last. */
  #seen: TaskRecord;
  #over = false;
  #wake: (() => void) | undefined;
  readonly #stopListening: (() => void) | undefined;

  constructor(options: TenureOptions) {
    const { clock, lease } = options.claims;
    this.#claims = options.claims;
    this.#place = options.place;
    this.token = options.token;
    this.#record = options.record;
    this.#seen = options.record;
    this.#renewalsTried = options.record.renewals;
    this.#revision = options.revision;
    this.#startedAt = options.startedAt;
    this.#trustedUntil = trustedUntil(options.startedAt, lease);
    if (lease === Infinity) return;
    this.#arm(renewAt(options.startedAt, lease), () => this.#hold());
    const skew = clock.now() - clock.monotonic();
    this.#stopListening = clock.onWallJump?.(() => {
      // Elapsed time may stand still while the machine sleeps: a wall that ran ahead may mean that the lease is over.
      const ahead = clock.now() - clock.monotonic() - skew;
      if (ahead >= trustedUntil(0, lease)) this.#lose("the clock jumped ahead by more than the lease");
    });
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /** The claim is left to run out: nobody renews it any more, and when it has, it is lost. */
  stopRenewing(): void {
    if (this.#over || this.#claims.lease === Infinity) return;
    this.#lease?.stop();
    this.#lease = undefined;
    this.#arm(Infinity, () => undefined, "the run outlived its time limit");
  }

  /**
   * Writes the record that ends the tenure, trying again until it is stored, or somebody else has the record.
   * Resolves to the revision at which it was stored, or undefined.
   */
  end(next: TaskRecord): Promise<number | undefined> {
    this.#rest();
    const value = JSON.stringify(next);
    return this.#renewal === undefined ? this.#end(value, 0) : this.#renewal.then(() => this.#end(value, 0));
  }

  #end(value: string, failures: number): Promise<number | undefined> {
    const sent = this.#place.view.moment();
    return this.#place.map.update(this.#claims.key, value, this.#revision).then(
      (written) => {
        this.#place.answered();
        if (!written.ok) return this.#endAfterConflict(value, failures);
        this.#place.view.noteOwnWrite({ key: this.#claims.key, value, revision: written.revision }, sent);
        return written.revision;
      },
      (error: unknown) => this.#endLater(value, failures + 1, error),
    );
  }

  async #endAfterConflict(value: string, failures: number): Promise<number | undefined> {
    try {
      const found = await this.#reread();
      if (found !== "mine") return found === "ended" ? this.#revision : undefined;
      // A store that refuses the revision which it has just told is not asked without a pause.
      if (failures >= conflictsAtOnce) await this.#pause(backoffDelay(pauses, failures, this.#claims.random()));
      return this.#over ? undefined : await this.#end(this.#withPause(value), failures + 1);
    } catch (error) {
      return this.#endLater(value, failures + 1, error);
    }
  }

  async #endLater(value: string, failures: number, error: unknown): Promise<number | undefined> {
    this.#place.failed(error);
    if (failures === 1) this.#claims.warn("how the run ended cannot be stored yet", error);
    await this.#pause(backoffDelay(pauses, failures, this.#claims.random()));
    return this.#over ? undefined : this.#endAfterConflict(value, failures);
  }

  /** The one field that others may write while the record is ours, as it was read last. */
  get pausedByOthers(): boolean {
    return this.#seen.paused ?? false;
  }

  #withPause(value: string): string {
    const record = JSON.parse(value) as TaskRecord;
    return JSON.stringify({ ...record, paused: this.pausedByOthers });
  }

  /** Nothing of this tenure is to go on: not a timer, not a listener, not a write that is tried again. */
  giveUp(): void {
    this.#over = true;
    this.#rest();
    this.#wake?.();
  }

  /** Nothing is renewed any more. */
  #rest(): void {
    if (this.#timer !== undefined) this.#claims.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lease?.stop();
    this.#lease = undefined;
    this.#stopListening?.();
  }

  /** One timer: for what is to be done at that time, or for the end of trust, whichever comes first. */
  #arm(at: number, act: () => void, otherwise = "it could not be renewed in time"): void {
    const { clock } = this.#claims;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    const fire = (): void => {
      const now = clock.monotonic();
      if (now >= this.#trustedUntil) {
        if (this.#lease === undefined) this.#lose(otherwise);
        else this.#lease.send({ type: "LAPSED", reason: otherwise });
      }
      // Timers of a real clock may fire a little early.
      else if (now < at) this.#arm(at, act, otherwise);
      else act();
    };
    this.#timer = clock.setTimeout(fire, Math.max(0, Math.min(at, this.#trustedUntil) - clock.monotonic()));
  }

  /** The run is long enough for its claim to be renewed: from here on the statechart says when. */
  #hold(): void {
    const { key, clock, lease } = this.#claims;
    const { holder } = this.#record;
    const renew = (): void => this.#lease?.send({ type: "RENEW" });
    const actor = createActor(
      leaseMachine.provide({
        actions: {
          awaitRenewal: ({ context }) => this.#arm(renewAt(context.tenure?.startedAt ?? 0, lease), renew),
          awaitRetry: () => this.#arm(clock.monotonic() + retryPause(lease), renew),
          renew: ({ context }) => {
            if (context.tenure !== undefined) this.#renewal = this.#renew(context.tenure);
          },
          announceLoss: ({ context }) => this.#lose(context.reason ?? "unknown"),
        },
      }),
      { input: { key, holder } },
    );
    this.#lease = actor;
    this.#unanswered = new Map();
    const [acquired, startedAt] = [this.#revision, this.#startedAt];
    const skew = clock.now() - clock.monotonic();
    actor.start();
    actor.send({ type: "ACQUIRE" });
    const tenure = { number: 1, token: this.token, acquired, revision: acquired, renewals: 0, startedAt, skew };
    actor.send({ type: "ACQUIRED", tenure });
  }

  async #renew(tenure: LeaseTenure): Promise<void> {
    this.#arm(Infinity, () => undefined);
    const event = await this.#tryToRenew(tenure);
    this.#renewal = undefined;
    this.#lease?.send(event);
  }

  async #tryToRenew(tenure: LeaseTenure): Promise<LeaseEvent> {
    const { key, clock } = this.#claims;
    const place = this.#place;
    const startedAt = clock.monotonic();
    const renewals = (this.#renewalsTried += 1);
    const value = JSON.stringify({ ...this.#record, renewals });
    const sent = place.view.moment();
    this.#unanswered.set(renewals, startedAt);
    try {
      const written = await place.map.update(key, value, this.#revision);
      place.answered();
      if (!written.ok) {
        this.#unanswered.delete(renewals);
        return await this.#settle(tenure);
      }
      place.view.noteOwnWrite({ key, value, revision: written.revision }, sent);
      return this.#renewed(tenure, written.revision, renewals, startedAt);
    } catch (error) {
      place.failed(error);
      const unknown = readFailure(error) === "unknown";
      if (!unknown) this.#unanswered.delete(renewals);
      // Unreachable is never taken for lost (N14): the next try, or the end of our trust, decides.
      return unknown ? this.#settle(tenure) : { type: "UNANSWERED", reason: toError(error).message };
    }
  }

  /** What the record says of the renewals whose answers never came; the window is that of the very attempt it shows. */
  async #settle(tenure: LeaseTenure): Promise<LeaseEvent> {
    try {
      const found = await this.#reread();
      if (found !== "mine") return { type: "TAKEN", reason: "another node has taken it" };
      const { renewals } = this.#seen;
      const startedAt = this.#unanswered.get(renewals);
      if (startedAt === undefined) return { type: "UNANSWERED", reason: "it stands as before" };
      return this.#renewed(tenure, this.#revision, renewals, startedAt);
    } catch (error) {
      this.#place.failed(error);
      return { type: "UNANSWERED", reason: toError(error).message };
    }
  }

  #renewed(tenure: LeaseTenure, revision: number, renewals: number, startedAt: number): LeaseEvent {
    this.#unanswered.clear();
    this.#revision = revision;
    this.#record = { ...this.#record, renewals };
    this.#trustedUntil = trustedUntil(startedAt, this.#claims.lease);
    return { type: "RENEWED", tenure: { ...tenure, revision, renewals, startedAt } };
  }

  async #reread(): Promise<"mine" | "ended" | "lost"> {
    const { key } = this.#claims;
    const place = this.#place;
    const entry = await place.map.get(key);
    place.answered();
    const read = readRecord(entry?.value);
    if (entry === undefined || read.kind !== "record" || read.record.runId !== this.#record.runId) return "lost";
    this.#revision = entry.revision;
    this.#seen = read.record;
    if (read.record.paused !== this.#record.paused) this.#record = { ...this.#record, paused: this.pausedByOthers };
    return read.record.holder === "" ? "ended" : "mine";
  }

  #lose(why: string): void {
    if (this.#over) return;
    this.giveUp();
    this.#claims.onLost(new LeaseLostError(`the lease on "${this.#claims.key}" was lost: ${why}`));
  }

  #pause(delay: number): Promise<void> {
    const { clock } = this.#claims;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, delay);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}
