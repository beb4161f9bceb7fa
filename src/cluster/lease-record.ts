import type { LeaseEvent, Tenure } from "../../machines/lease";
import type { Clock } from "../clock";
import { OstinatoError, toError } from "../errors";
import { randomId } from "../identity";
import {
  fencingToken,
  mayTake,
  readFailure,
  readLease,
  stopAt,
  wasItMine,
  type LeaseFields,
  type LeaseHeld,
  type Whose,
} from "../rules/lease";
import type { Entry, RevisionMap, Written } from "../store";
import type { View } from "./view";

export interface LeaseRecordOptions {
  map: RevisionMap;
  /** A running view of a prefix that holds the key, shared by all leases under it. */
  view: View;
  key: string;
  /** Who takes it: the node, as people know it. */
  holder: string;
  /** Length in milliseconds. */
  lease: number;
  /** Taken once for its length, and never renewed. */
  fixed?: true;
  clock: Clock;
  /** The store's, in seconds; see `fencingToken`. */
  epoch: number | (() => number);
  /** What else the record is to say; asked at every write. */
  extra?: (() => object) | undefined;
}

/** How one try to take the lease ended. */
export type Taking = { taken: true; tenure: Tenure } | { taken: false; holder: string; waitMs: number };

const tries = 4;

/**
 * The record of one lease: every step is one conditional write, and a step whose answer never came is settled by
 * reading what the record says by now.
 */
export class LeaseRecord {
  readonly #options: LeaseRecordOptions;
  readonly #boot = randomId();
  #number = 0;
  /** Starts of this tenure's renewals without an answer, by the count that each wrote. */
  readonly #unanswered = new Map<number, number>();
  #renewalsTried = 0;

  constructor(options: LeaseRecordOptions) {
    this.#options = options;
  }

  /**
   * Takes the lease if it is free by what is known here. A conflict is looked into by reading the record.
   *
   * @throws OstinatoError as the store's calls do.
   */
  async take(): Promise<Taking> {
    const { map, view, key, lease, clock, holder, fixed, epoch } = this.#options;
    const patience = fixed === true ? 0 : lease;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const seen = view.get(key);
      const startedAt = clock.monotonic();
      const fields = seen && leaseOf(seen.entry);
      const may = mayTake(fields, seen ?? { seenAt: startedAt }, startedAt, patience, { holder, boot: this.#boot });
      if (!may.take) return { taken: false, holder: fields?.holder ?? "", waitMs: may.waitMs };
      const skew = clock.now() - startedAt;
      const acquired = await this.#write(map, seen?.entry);
      // An answer that took so long is of no use any more; the record is ours, and can be taken again at once.
      if (acquired === undefined || clock.monotonic() >= stopAt(startedAt, lease)) continue;
      this.#unanswered.clear();
      this.#renewalsTried = 0;
      const token = fencingToken(typeof epoch === "function" ? epoch() : epoch, acquired);
      const tenure = { number: this.#number, token, acquired, revision: acquired, renewals: 0, startedAt, skew };
      return { taken: true, tenure };
    }
    throw new OstinatoError("ERR_STORE_UNAVAILABLE", `the record "${key}" changed under every try to take it`);
  }

  /** One attempt at the record as it was seen. Resolves to the revision that it got, undefined when it was refused. */
  async #write(map: RevisionMap, seen: Entry | undefined): Promise<number | undefined> {
    const { view, key } = this.#options;
    this.#number += 1;
    const value = this.#value({ tenure: this.#number, acquired: 0, renewals: 0 });
    const sent = view.moment();
    try {
      const written = await (seen ? map.update(key, value, seen.revision) : map.create(key, value));
      if (written.ok) {
        view.noteOwnWrite({ key, value, revision: written.revision }, sent);
        return written.revision;
      }
    } catch (error) {
      if (readFailure(error) !== "unknown") throw error;
      const entry = await this.#read().catch(() => {
        throw error;
      });
      return entry !== undefined && this.#isMine(this.#number, entry).mine ? entry.revision : undefined;
    }
    await this.#read();
    return undefined;
  }

  /** Renews once; never rejects. */
  async renew(tenure: Tenure): Promise<Extract<LeaseEvent, { type: "RENEWED" | "UNANSWERED" | "TAKEN" }>> {
    const { map, view, key, clock } = this.#options;
    let { revision } = tenure;
    try {
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        const startedAt = clock.monotonic();
        const renewals = (this.#renewalsTried += 1);
        const value = this.#value({ tenure: tenure.number, acquired: tenure.acquired, renewals });
        const skew = clock.now() - startedAt;
        const sent = view.moment();
        const written = await this.#noting(renewals, startedAt, () => map.update(key, value, revision));
        if (written.ok) {
          view.noteOwnWrite({ key, value, revision: written.revision }, sent);
          this.#unanswered.clear();
          return { type: "RENEWED", tenure: { ...tenure, revision: written.revision, renewals, startedAt, skew } };
        }
        // A conflict with an own renewal that was applied unheard looks like one with a stranger until it is read.
        const found = this.#recognise(tenure, await this.#read());
        if (found.type !== "STANDS") return found;
        revision = found.revision;
      }
      return { type: "UNANSWERED", reason: "the record changed under every try to renew it" };
    } catch (error) {
      return { type: "UNANSWERED", reason: toError(error).message };
    }
  }

  /** Remembers the attempt for as long as it may yet turn out to have been applied. */
  async #noting(renewals: number, startedAt: number, write: () => Promise<Written>): Promise<Written> {
    this.#unanswered.set(renewals, startedAt);
    try {
      const written = await write();
      if (!written.ok) this.#unanswered.delete(renewals);
      return written;
    } catch (error) {
      if (readFailure(error) !== "unknown") this.#unanswered.delete(renewals);
      throw error;
    }
  }

  /** Deletes the record if it is still this tenure's. Never rejects: what cannot be deleted runs out by itself. */
  async giveUp(tenure: Tenure): Promise<void> {
    const { map, view, key } = this.#options;
    let { revision } = tenure;
    try {
      for (let attempt = 1; attempt <= tries; attempt += 1) {
        const sent = view.moment();
        const deleted = await map.delete(key, revision);
        if (deleted.ok) {
          view.noteOwnWrite({ key, value: undefined, revision: deleted.revision }, sent);
          return;
        }
        const found = this.#recognise(tenure, await this.#read());
        if (found.type === "TAKEN") return;
        revision = found.type === "STANDS" ? found.revision : found.tenure.revision;
      }
    } catch {
      return;
    }
  }

  async #read(): Promise<Entry | undefined> {
    const { map, view, key } = this.#options;
    const sent = view.moment();
    const entry = await map.get(key);
    view.noteOwnWrite(entry ?? { key, value: undefined, revision: 0 }, sent);
    return entry;
  }

  /** What the record as it was read says of this tenure's renewals. */
  #recognise(
    tenure: Tenure,
    entry: Entry | undefined,
  ): Extract<LeaseEvent, { type: "RENEWED" | "TAKEN" }> | { type: "STANDS"; revision: number } {
    if (entry === undefined) return { type: "TAKEN", reason: "its record is gone" };
    const whose = this.#isMine(tenure.number, entry);
    if (!whose.mine) return { type: "TAKEN", reason: `it was taken by "${leaseOf(entry).holder}"` };
    const { revision } = entry;
    if (whose.startedAt === undefined) return { type: "STANDS", revision };
    this.#unanswered.clear();
    return { type: "RENEWED", tenure: { ...tenure, revision, startedAt: whose.startedAt } };
  }

  #isMine(tenure: number, entry: Entry): Whose {
    return wasItMine(readLease(entry.value), this.#names(tenure), this.#unanswered);
  }

  #names(tenure: number): Pick<LeaseFields, "holder" | "boot" | "tenure"> {
    return { holder: this.#options.holder, boot: this.#boot, tenure };
  }

  #value(fields: Pick<LeaseFields, "tenure" | "acquired" | "renewals">): string {
    const { extra, lease, fixed } = this.#options;
    return JSON.stringify({ ...extra?.(), ...this.#names(fields.tenure), lease, fixed, ...fields });
  }
}

/** A record that cannot be read counts as somebody's: it is taken only when it has not changed for a lease. */
function leaseOf(entry: Entry): LeaseHeld {
  return readLease(entry.value) ?? { holder: "unknown", boot: "", lease: 0 };
}
