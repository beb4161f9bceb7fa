import type { Tenure } from "../../machines/lease";
import { OstinatoError } from "../errors";
import { randomId } from "../identity";
import {
  fencingToken,
  mayTake,
  momentOf,
  mustStop,
  readFailure,
  readLease,
  wasItMine,
  type LeaseHeld,
} from "../rules/lease";
import type { Entry } from "../store";
import { LeaseRecord, tries, type LeaseRecordOptions } from "./lease-record";
import { quoted } from "../validate";

export interface OwnRecordOptions extends LeaseRecordOptions {
  /** Who takes it: the node, as people know it. */
  holder: string;
  /** Length in milliseconds. */
  lease: number;
  /** Taken once for its length, and never renewed. */
  fixed?: true;
  /** The store's, in seconds; see `fencingToken`. */
  epoch: number | (() => number);
  /** What else the record is to say; asked at every write. */
  extra?: (() => object) | undefined;
}

/** How one try to take the lease ended. */
export type Taking = { taken: true; tenure: Tenure } | { taken: false; holder: string; waitMs: number };

/** A record that is there for its lease alone: it is made by whoever takes the lease and deleted when that is released. */
export class OwnRecord extends LeaseRecord {
  readonly #options: OwnRecordOptions;
  readonly #boot: string;
  #number = 0;

  constructor(options: OwnRecordOptions) {
    const { holder, lease, fixed, extra } = options;
    const boot = randomId();
    super(options, {
      write: (claim) => JSON.stringify({ ...extra?.(), holder, boot, lease, fixed, ...claim }),
      whose: (value, tenure, attempts) => wasItMine(readLease(value), { holder, boot, tenure }, attempts),
    });
    this.#options = options;
    this.#boot = boot;
  }

  /**
   * Takes the lease if it is free by what is known here. A conflict is looked into by reading the record.
   *
   * @throws OstinatoError as the store's calls do.
   */
  async take(): Promise<Taking> {
    const { view, key, lease, clock, holder, fixed, epoch } = this.#options;
    const patience = fixed === true ? 0 : lease;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const seen = view.get(key);
      const moment = momentOf(clock);
      const now = moment.startedAt;
      const fields = seen && leaseOf(seen.entry);
      const may = mayTake(fields, seen ?? { seenAt: now }, now, patience, { holder, boot: this.#boot });
      if (!may.take) return { taken: false, holder: fields?.holder ?? "", waitMs: may.waitMs };
      const acquired = await this.#write(seen?.entry);
      const over = mustStop(moment, momentOf(clock), lease);
      // An answer that comes too late is of no use any more; the record is ours, and can be taken again at once.
      if (acquired === undefined || over === "lapsed" || (over === "slept" && fixed !== true)) continue;
      this.forgetAttempts();
      const token = fencingToken(typeof epoch === "function" ? epoch() : epoch, acquired);
      const tenure = { number: this.#number, token, acquired, revision: acquired, renewals: 0, ...moment };
      return { taken: true, tenure };
    }
    throw new OstinatoError("ERR_STORE_UNAVAILABLE", `the record ${quoted(key)} changed under every try to take it`);
  }

  /** Deletes the record if it is still this tenure's. Never rejects: what cannot be deleted runs out by itself. */
  async giveUp(tenure: Tenure): Promise<void> {
    await this.conclude(tenure).catch(() => undefined);
  }

  /** One attempt at the record as it was seen. Resolves to the revision that it got, undefined when it was refused. */
  async #write(seen: Entry | undefined): Promise<number | undefined> {
    const { map, view, key } = this.#options;
    this.#number += 1;
    const value = this.write({ tenure: this.#number, acquired: 0, renewals: 0 });
    const sent = view.moment();
    try {
      const written = await (seen ? map.update(key, value, seen.revision) : map.create(key, value));
      if (written.ok) {
        view.noteOwnWrite({ key, value, revision: written.revision }, sent);
        return written.revision;
      }
    } catch (error) {
      if (readFailure(error) !== "unknown") throw error;
      const entry = await this.read().catch(() => {
        throw error;
      });
      return entry !== undefined && this.whose(this.#number, entry).mine ? entry.revision : undefined;
    }
    await this.read();
    return undefined;
  }
}

/** A record that cannot be read counts as somebody's: it is taken only when it has not changed for a lease. */
function leaseOf(entry: Entry): LeaseHeld {
  return readLease(entry.value) ?? { holder: "unknown", boot: "", lease: 0 };
}
