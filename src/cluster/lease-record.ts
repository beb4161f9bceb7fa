import type { LeaseEvent, Tenure } from "../../machines/lease";
import type { Clock } from "../clock";
import { OstinatoError, toError } from "../errors";
import { momentOf, readFailure, type LeaseFields, type Moment, type Whose } from "../rules/lease";
import type { Entry, RevisionMap, Written } from "../store";
import type { View } from "./view";
import { cut } from "../foreign";
import { quoted } from "../validate";

/** How a tenure is written into the value of a record, which may hold more than a lease. */
export interface LeaseCodec {
  /** The value with which the tenure takes or keeps the record. */
  write(tenure: Pick<LeaseFields, "tenure" | "acquired" | "renewals">): string;
  /** @param attempts start of each attempt of this tenure without an answer, by the `renewals` that it wrote. */
  whose(value: string, tenure: number, attempts: ReadonlyMap<number, Moment>): Whose;
  /** Whether the value is the one that the tenure was ended with. */
  isEnd?(value: string): boolean;
}

export interface LeaseRecordOptions {
  map: RevisionMap;
  /** A running view of a prefix that holds the key, shared by all leases under it. */
  view: View;
  key: string;
  clock: Clock;
}

/** What a record says of a tenure: it was renewed, it is another's, or it stands at a revision as it stood before. */
type Found = Extract<LeaseEvent, { type: "RENEWED" | "TAKEN" }> | { type: "STANDS"; revision: number };

export const tries = 4;
const none: ReadonlyMap<number, Moment> = new Map<number, Moment>();

/**
 * The record of one lease: every step is one conditional write, and a step whose answer never came is settled by
 * reading what the record says by now.
 */
export class LeaseRecord {
  readonly #options: LeaseRecordOptions;
  readonly #codec: LeaseCodec;
  /** Starts of this tenure's renewals without an answer, by the count that each wrote. */
  #unanswered: Map<number, Moment> | undefined;
  #renewalsTried = 0;

  constructor(options: LeaseRecordOptions, codec: LeaseCodec) {
    this.#options = options;
    this.#codec = codec;
  }

  /** Renews once; never rejects. */
  async renew(tenure: Tenure): Promise<Extract<LeaseEvent, { type: "RENEWED" | "UNANSWERED" | "TAKEN" }>> {
    const { map, view, key, clock } = this.#options;
    let { revision } = tenure;
    try {
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        const moment = momentOf(clock);
        const renewals = (this.#renewalsTried += 1);
        const value = this.write({ tenure: tenure.number, acquired: tenure.acquired, renewals });
        const sent = view.moment();
        const written = await this.#noting(renewals, moment, () => map.update(key, value, revision));
        if (written.ok) {
          view.noteOwnWrite({ key, value, revision: written.revision }, sent);
          this.#unanswered = undefined;
          return { type: "RENEWED", tenure: { ...tenure, revision: written.revision, renewals, ...moment } };
        }
        // A conflict with an own renewal that was applied unheard looks like one with a stranger until it is read.
        const found = this.#recognise(tenure, await this.read());
        if (found.type !== "STANDS") return found;
        revision = found.revision;
      }
      return { type: "UNANSWERED", reason: "the record changed under every try to renew it" };
    } catch (error) {
      return { type: "UNANSWERED", reason: toError(error).message };
    }
  }

  /** Remembers the attempt for as long as it may yet turn out to have been applied. */
  async #noting(renewals: number, moment: Moment, write: () => Promise<Written>): Promise<Written> {
    const unanswered = (this.#unanswered ??= new Map());
    unanswered.set(renewals, moment);
    try {
      const written = await write();
      if (!written.ok) unanswered.delete(renewals);
      return written;
    } catch (error) {
      if (readFailure(error) !== "unknown") unanswered.delete(renewals);
      throw error;
    }
  }

  /**
   * Ends the tenure in the record, if that is still its own: deletes the record, or writes over it what `end` returns.
   * Resolves to the revision of that write; to undefined when the record is another's or gone.
   *
   * @throws OstinatoError as the store's calls do; ERR_STORE_UNAVAILABLE too when the record changed under every try.
   */
  async conclude(tenure: Tenure, end?: () => string): Promise<number | undefined> {
    const { map, view, key } = this.#options;
    let { revision } = tenure;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const value = end?.();
      const sent = view.moment();
      const written = await (value === undefined ? map.delete(key, revision) : map.update(key, value, revision));
      if (written.ok) {
        view.noteOwnWrite({ key, value, revision: written.revision }, sent);
        return written.revision;
      }
      const entry = await this.read();
      if (entry !== undefined && this.#codec.isEnd?.(entry.value) === true) return entry.revision;
      const found = this.#recognise(tenure, entry);
      if (found.type === "TAKEN") return undefined;
      revision = found.type === "STANDS" ? found.revision : found.tenure.revision;
    }
    throw new OstinatoError("ERR_STORE_UNAVAILABLE", `the record ${quoted(key)} changed under every try to end it`);
  }

  /** Why the tenure is over, if the record as it was seen is known to be another's. */
  takenIn(tenure: Tenure, entry: Entry): string | undefined {
    if (entry.revision <= tenure.revision) return undefined;
    const whose = this.whose(tenure.number, entry);
    return whose.mine ? undefined : takenBy(whose.holder);
  }

  protected write(tenure: Pick<LeaseFields, "tenure" | "acquired" | "renewals">): string {
    return this.#codec.write(tenure);
  }

  /** The record as the store has it now. */
  protected async read(): Promise<Entry | undefined> {
    const { map, view, key } = this.#options;
    const sent = view.moment();
    const entry = await map.get(key);
    view.noteOwnWrite(entry ?? { key, value: undefined, revision: 0 }, sent);
    return entry;
  }

  protected whose(tenure: number, entry: Entry): Whose {
    return this.#codec.whose(entry.value, tenure, this.#unanswered ?? none);
  }

  /** What was written before is of no tenure that can still be held. */
  protected forgetAttempts(): void {
    this.#unanswered = undefined;
    this.#renewalsTried = 0;
  }

  /** What the record as it was read says of this tenure's renewals. */
  #recognise(tenure: Tenure, entry: Entry | undefined): Found {
    if (entry === undefined) return { type: "TAKEN", reason: "its record is gone" };
    const whose = this.whose(tenure.number, entry);
    if (!whose.mine) return { type: "TAKEN", reason: takenBy(whose.holder) };
    const { revision } = entry;
    if (whose.since === undefined) return { type: "STANDS", revision };
    this.#unanswered = undefined;
    return { type: "RENEWED", tenure: { ...tenure, revision, ...whose.since } };
  }
}

function takenBy(holder: string | undefined): string {
  return holder === undefined || holder === ""
    ? "its record is another's"
    : `it was taken by ${quoted(cut(holder, 512))}`;
}
