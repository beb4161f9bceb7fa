import type { Clock, TimerId } from "../clock";
import { LeaseLostError, OstinatoError } from "../errors";
import type { Random } from "../identity";
import { backoffDelay } from "../rules/backoff";
import { renewAt, retryPause, trustedUntil } from "../rules/lease";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { RecordPlace } from "./claims";

export interface TenureOptions {
  place: RecordPlace;
  key: string;
  record: TaskRecord;
  revision: number;
  token: number;
  /** Elapsed time at which the claim that succeeded was sent. */
  startedAt: number;
  /** Infinity where nobody else can take it. */
  lease: number;
  clock: Clock;
  random: Random;
  onLost: (error: LeaseLostError) => void;
  warn: (message: string, error: unknown) => void;
}

const pauses = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.2, limit: Infinity };

/**
 * The time for which this node holds a task's record. Renews it, notices when it may no longer be relied on, and makes
 * the last write. Writes are one at a time; an answer that never came is settled by reading, because the write may
 * have been applied or may yet be.
 */
export class Tenure {
  readonly token: number;
  readonly #options: TenureOptions;
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
    this.#options = options;
    this.token = options.token;
    this.#record = options.record;
    this.#revision = options.revision;
    this.#trustedUntil = trustedUntil(options.startedAt, options.lease);
    if (options.lease === Infinity) return;
    this.#arm(renewAt(options.startedAt, options.lease));
    const skew = options.clock.now() - options.clock.monotonic();
    this.#stopListening = options.clock.onWallJump?.(() => {
      // Elapsed time may stand still while the machine sleeps: a wall that ran ahead may mean that the lease is over.
      const ahead = options.clock.now() - options.clock.monotonic() - skew;
      if (ahead >= trustedUntil(0, options.lease)) this.#lose("the clock jumped ahead by more than the lease");
    });
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /** The claim is left to run out: nobody renews it any more, and when it has, it is lost. */
  stopRenewing(): void {
    if (this.#over || this.#options.lease === Infinity) return;
    this.#expiring = true;
    this.#arm(this.#trustedUntil);
  }

  /**
   * Writes the record that ends the tenure, trying again until it is stored, or somebody else has the record.
   * Resolves to the revision at which it was stored, or undefined.
   */
  async end(next: TaskRecord): Promise<number | undefined> {
    this.#disarm();
    if (this.#renewal !== undefined) await this.#renewal;
    this.#stopListening?.();
    const { place, key, clock, random, warn } = this.#options;
    const value = JSON.stringify(next);
    for (let failures = 0; ;) {
      try {
        const written = await place.map.update(key, value, this.#revision);
        place.answered();
        if (written.ok) {
          place.view.noteOwnWrite({ key, value, revision: written.revision });
          return written.revision;
        }
        const found = await this.#reread();
        if (found !== "mine") return found === "ended" ? this.#revision : undefined;
      } catch (error) {
        place.failed(error);
        failures += 1;
        if (failures === 1) warn("how the run ended cannot be stored yet", error);
        await this.#pause(clock, backoffDelay(pauses, failures, random()));
        if (this.#over) return undefined;
      }
    }
  }

  /** Nothing of this tenure is to go on: not a timer, not a listener, not a write that is tried again. */
  giveUp(): void {
    this.#over = true;
    this.#disarm();
    this.#stopListening?.();
    this.#wake?.();
  }

  #arm(at: number): void {
    const { clock } = this.#options;
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
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #renew(): Promise<void> {
    const { place, key, clock, lease } = this.#options;
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
    const { place, key, lease } = this.#options;
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
    const { place, key } = this.#options;
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
    this.#options.onLost(new LeaseLostError(`the lease on "${this.#options.key}" was lost: ${why}`));
  }

  #pause(clock: Clock, delay: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, delay);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}
