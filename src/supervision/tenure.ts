import type { TimerId } from "../clock";
import { LeaseLostError, OstinatoError } from "../errors";
import { backoffDelay } from "../rules/backoff";
import { renewAt, retryPause, trustedUntil } from "../rules/lease";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { ClaimsOptions, RecordPlace } from "./claims";

export interface TenureOptions {
  readonly claims: Pick<ClaimsOptions, "key" | "lease" | "clock" | "random" | "onLost" | "warn">;
  readonly place: RecordPlace;
  readonly record: TaskRecord;
  readonly revision: number;
  readonly token: number;
  /** Elapsed time at which the claim that succeeded was sent. */
  readonly startedAt: number;
}

const pauses = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.2, limit: Infinity };

/**
 * The time for which this node holds a task's record. Renews it, notices when it may no longer be relied on, and makes
 * the last write. Writes are one at a time; an answer that never came is settled by reading, because the write may
 * have been applied or may yet be.
 */
export class Tenure {
  readonly token: number;
  readonly #claims: TenureOptions["claims"];
  readonly #place: RecordPlace;
  #record: TaskRecord;
  #revision: number;
  #trustedUntil: number;
  #timer: TimerId;
  #renewal: Promise<void> | undefined;
  #over = false;
  #expiring = false;
  #wake: (() => void) | undefined;
  readonly #stopListening: (() => void) | undefined;

  constructor(options: TenureOptions) {
    const { clock, lease } = options.claims;
    this.#claims = options.claims;
    this.#place = options.place;
    this.token = options.token;
    this.#record = options.record;
    this.#revision = options.revision;
    this.#trustedUntil = trustedUntil(options.startedAt, lease);
    if (lease === Infinity) return;
    this.#arm(renewAt(options.startedAt, lease));
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
    this.#expiring = true;
    this.#arm(this.#trustedUntil);
  }

  /**
   * Writes the record that ends the tenure, trying again until it is stored, or somebody else has the record.
   * Resolves to the revision at which it was stored, or undefined.
   */
  end(next: TaskRecord): Promise<number | undefined> {
    this.#disarm();
    this.#stopListening?.();
    const value = JSON.stringify(next);
    return this.#renewal === undefined ? this.#end(value, 0) : this.#renewal.then(() => this.#end(value, 0));
  }

  #end(value: string, failures: number): Promise<number | undefined> {
    return this.#place.map.update(this.#claims.key, value, this.#revision).then(
      (written) => {
        this.#place.answered();
        if (!written.ok) return this.#endAfterConflict(value, failures);
        this.#place.view.noteOwnWrite({ key: this.#claims.key, value, revision: written.revision });
        return written.revision;
      },
      (error: unknown) => this.#endLater(value, failures + 1, error),
    );
  }

  async #endAfterConflict(value: string, failures: number): Promise<number | undefined> {
    try {
      const found = await this.#reread();
      if (found === "mine") return await this.#end(value, failures);
      return found === "ended" ? this.#revision : undefined;
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

  /** Nothing of this tenure is to go on: not a timer, not a listener, not a write that is tried again. */
  giveUp(): void {
    this.#over = true;
    this.#disarm();
    this.#stopListening?.();
    this.#wake?.();
  }

  #arm(at: number): void {
    const { clock } = this.#claims;
    this.#disarm();
    this.#timer = clock.setTimeout(
      () => {
        if (clock.monotonic() >= this.#trustedUntil) {
          this.#lose(this.#expiring ? "the run outlived its time limit" : "it could not be renewed in time");
        } else if (this.#expiring) this.#arm(this.#trustedUntil);
        else this.#renewal = this.#renew().finally(() => (this.#renewal = undefined));
      },
      Math.max(0, Math.min(at, this.#trustedUntil) - clock.monotonic()),
    );
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#claims.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #renew(): Promise<void> {
    const { key, clock, lease } = this.#claims;
    const place = this.#place;
    const startedAt = clock.monotonic();
    const renewed: TaskRecord = { ...this.#record, renewals: this.#record.renewals + 1 };
    try {
      const written = await place.map.update(key, JSON.stringify(renewed), this.#revision);
      place.answered();
      if (!written.ok) {
        if ((await this.#reread()) !== "mine") this.#lose("another node has taken it");
        else this.#armIfLive(clock.monotonic() + retryPause(lease));
        return;
      }
      this.#revision = written.revision;
      this.#record = renewed;
      this.#trustedUntil = trustedUntil(startedAt, lease);
      place.view.noteOwnWrite({ key, value: JSON.stringify(renewed), revision: written.revision });
      this.#armIfLive(renewAt(startedAt, lease));
    } catch (error) {
      place.failed(error);
      // Unreachable is never taken for lost (N14): the next try, or the end of our trust, decides.
      if (error instanceof OstinatoError && error.code === "ERR_STORE_UNKNOWN")
        await this.#adoptIfApplied(renewed, startedAt);
      this.#armIfLive(clock.monotonic() + retryPause(lease));
    }
  }

  /** A renewal without an answer: if it was applied, it counts from when it was sent. */
  async #adoptIfApplied(renewed: TaskRecord, startedAt: number): Promise<void> {
    const { key, lease } = this.#claims;
    const place = this.#place;
    try {
      const entry = await place.map.get(key);
      const read = readRecord(entry?.value);
      if (entry === undefined || read.kind !== "record" || read.record.runId !== this.#record.runId) return;
      this.#revision = entry.revision;
      if (read.record.renewals !== renewed.renewals) return;
      this.#record = renewed;
      this.#trustedUntil = trustedUntil(startedAt, lease);
    } catch (error) {
      place.failed(error);
    }
  }

  #armIfLive(at: number): void {
    if (!this.#over && this.#timer !== undefined) this.#arm(at);
  }

  async #reread(): Promise<"mine" | "ended" | "lost"> {
    const { key } = this.#claims;
    const place = this.#place;
    const entry = await place.map.get(key);
    place.answered();
    const read = readRecord(entry?.value);
    if (entry === undefined || read.kind !== "record" || read.record.runId !== this.#record.runId) return "lost";
    this.#revision = entry.revision;
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
