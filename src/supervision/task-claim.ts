import type { Tenure } from "../../machines/lease";
import { sleep } from "../clock";
import { HeldLease } from "../cluster/held-lease";
import { LeaseRecord, type LeaseCodec } from "../cluster/lease-record";
import { backoffDelay } from "../rules/backoff";
import type { Moment, Whose } from "../rules/lease";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { Holding, RecordPlace } from "./record-place";

export interface TaskClaimOptions {
  readonly holding: Holding;
  readonly place: RecordPlace;
  /** The record as the claim wrote it. */
  readonly record: TaskRecord;
  /** The tenure that the claim began. */
  readonly tenure: Tenure;
}

const pauses = { initialDelay: 100, maxDelay: 5_000, factor: 2, jitter: 0.2, limit: Infinity };

/**
 * A run's claim on its task: a lease whose record also says how the task stands. It ends by writing down how the run
 * went, and not by deleting the record.
 */
export class TaskClaim implements LeaseCodec {
  readonly token: number;
  readonly #holding: Holding;
  readonly #stored: LeaseRecord;
  /** Undefined where nobody else can take the record. */
  readonly #lease: HeldLease | undefined;
  readonly #tenure: Tenure;
  #record: TaskRecord;
  #paused: boolean;
  #end: TaskRecord | undefined;
  #storedAt: number | undefined;
  #isAbandoned = false;
  #pausing: AbortController | undefined;

  constructor({ holding, place, record, tenure }: TaskClaimOptions) {
    const { key, lease, clock, onLost } = holding;
    const { view } = place;
    this.token = tenure.token;
    this.#holding = holding;
    this.#tenure = tenure;
    this.#record = record;
    this.#paused = record.paused ?? false;
    this.#stored = new LeaseRecord({ map: place.reporting, view, key, clock }, this);
    if (lease === Infinity) return;
    const options = { key, holder: record.holder, lease, clock, view };
    const conclude = (still: Tenure): Promise<void> => this.#writeEnd(still);
    this.#lease = new HeldLease(options, this.#stored, { conclude, onLost });
    this.#lease.begin(tenure);
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /** The one field that others may write while the record is ours, as it was seen last. */
  get pausedByOthers(): boolean {
    return this.#paused;
  }

  /** Nobody renews the claim any more, and when it has run out, it is lost. */
  letExpire(): void {
    this.#lease?.letExpire("the run outlived its time limit");
  }

  /**
   * Writes the record that ends the claim, trying again until it is stored, or somebody else has the record.
   * Resolves to the revision at which it was stored, or undefined.
   */
  async end(next: TaskRecord): Promise<number | undefined> {
    this.#end = next;
    await (this.#lease === undefined ? this.#writeEnd(this.#tenure) : this.#lease.release());
    return this.#storedAt;
  }

  /** Stops every effort; the record is left as it is, and its lease runs out. */
  giveUp(): void {
    this.#isAbandoned = true;
    this.#lease?.abandon();
    this.#pausing?.abort();
  }

  write({ renewals }: { renewals: number }): string {
    this.#record = { ...this.#record, renewals };
    return JSON.stringify(this.#record);
  }

  whose(value: string, _tenure: number, attempts: ReadonlyMap<number, Moment>): Whose {
    const read = readRecord(value);
    if (read.kind !== "record") return { mine: false, holder: undefined };
    const { holder, runId, renewals, paused = false } = read.record;
    if (runId !== this.#record.runId) return { mine: false, holder };
    if (paused !== this.#paused) this.#record = { ...this.#record, paused };
    this.#paused = paused;
    return { mine: true, since: attempts.get(renewals) };
  }

  isEnd(value: string): boolean {
    const read = readRecord(value);
    return read.kind === "record" && read.record.runId === this.#record.runId && read.record.holder === "";
  }

  async #writeEnd(tenure: Tenure): Promise<void> {
    const { clock, random, warn } = this.#holding;
    for (let failures = 1; !this.#isAbandoned; failures += 1) {
      try {
        this.#storedAt = await this.#stored.conclude(tenure, () => this.#endValue());
        return;
      } catch (error) {
        if (failures === 1) warn("how the run ended cannot be stored yet", error);
        this.#pausing ??= new AbortController();
        await sleep(clock, backoffDelay(pauses, failures, random()), this.#pausing.signal);
      }
    }
  }

  #endValue(): string {
    const isPaused = this.#end?.paused ?? false;
    return JSON.stringify(isPaused === this.#paused ? this.#end : { ...this.#end, paused: this.#paused });
  }
}
