import { sleep, type Clock, type TimerId } from "../clock";
import { OstinatoError } from "../errors";
import { read } from "../foreign";
import type { Entry, RevisionMap } from "../store";
import { mayTake, readLease, type LeaseFields } from "../rules/lease";
import { firstAbort } from "./first-abort";
import { createLease, type Lease } from "./lease";
import type { Seen, View } from "./view";

/** What a member tells about itself when it joins. */
export interface MemberAbout {
  host: string;
  pid: number;
  version: string;
  /** Milliseconds of its wall clock; for people only. */
  started: number;
}

/** A process that is alive, as far as can be seen from here. */
export interface Member extends MemberAbout {
  id: string;
  /** A summary of what it works on, as of its last renewal. */
  holds: unknown;
}

export interface MembershipOptions {
  map: RevisionMap;
  /** A running view of a prefix that holds these keys. */
  view: View;
  /** What the keys begin with; default `"node."`. Memberships with different prefixes do not know of each other. */
  prefix?: string;
  /** Names this process; also the holder of its leases. */
  id: string;
  about: MemberAbout;
  /** Asked at every renewal; must be JSON. */
  holds?: () => unknown;
  clock: Clock;
  epoch: number | (() => number);
  /** In milliseconds; a member that has not renewed for so long on the clock of the observer counts as dead. */
  lease: number;
  /** Milliseconds between two tries while the store does not answer. Default a 24th of the lease. */
  retryEvery?: number;
}

/** A record that was read: of a lease, and where it is intact, of a member. */
interface ReadRecord {
  readonly entry: Entry;
  readonly fields: LeaseFields | undefined;
  readonly member: Member | undefined;
}

const kind = "member";
/** A dead member's record is deleted by another one when it has stood unchanged for so many leases. */
const burialAfter = 10;

/** Who is alive: every member keeps a lease on a record of its own, and sees those of the others through the view. */
export class Membership {
  readonly id: string;
  readonly #options: MembershipOptions;
  readonly #prefix: string;
  /** Kept while this process is a member. */
  protected readonly lease: Lease;
  readonly #listeners = new Set<() => void>();
  /** By key. Every change has all of them looked at, so each is parsed once. */
  readonly #read = new Map<string, ReadRecord>();
  readonly #stopWatching: () => void;
  #leaving: AbortController | undefined;
  #staying: Promise<void> = Promise.resolve();
  #joined: Promise<void> = Promise.resolve();
  #timer: TimerId;
  #last = "";

  constructor(options: MembershipOptions) {
    const { id, about, holds, prefix = "node.", view } = options;
    this.id = id;
    this.#options = options;
    this.#prefix = prefix;
    const extra = (): object => ({ kind, about, holds: holds?.() ?? null });
    this.lease = createLease({ ...options, key: prefix + id, holder: id, extra });
    this.#stopWatching = view.onAny((key) => {
      if (!key.startsWith(this.#prefix)) return;
      if (view.get(key) === undefined) this.#read.delete(key);
      this.#look();
    });
    this.#look();
  }

  /**
   * Becomes a member and stays one until `leave`, through losses of the store too. Resolves once it is one, or the store
   * has refused it; that is tried again once a lease.
   */
  join(): Promise<void> {
    if (this.#leaving !== undefined) return this.#joined;
    const leaving = (this.#leaving = new AbortController());
    this.#joined = new Promise((resolve) => {
      this.#staying = this.#stay(leaving.signal, resolve);
    });
    return this.#joined;
  }

  /** Deletes the own record, so that the others know at once. Who still observes may go on calling `members`. */
  async leave(): Promise<void> {
    this.#leaving?.abort();
    this.#leaving = undefined;
    await Promise.all([this.#staying, this.lease.release()]);
  }

  /** Leaves, and observes no more. */
  async close(): Promise<void> {
    this.#stopWatching();
    this.#options.clock.clearTimeout(this.#timer);
    this.#listeners.clear();
    await this.leave();
  }

  /** All that are alive, by id. */
  members(): Member[] {
    const alive: Member[] = [];
    for (const [seen, fields, member] of this.#records()) {
      if (member !== undefined && this.#msToLive(seen, fields) > 0) alive.push(member);
    }
    return alive.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Calls `listener` when somebody came, went or changed its summary; it must not throw. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #stay(leaving: AbortSignal, joined: () => void): Promise<void> {
    const { clock, lease } = this.#options;
    while (!leaving.aborted) {
      try {
        await this.lease.campaign(leaving);
        joined();
        await firstAbort(this.lease.signal, leaving);
      } catch (error) {
        // Told to leave, or refused by the store: nobody waits for that. What is not permitted now may be one day.
        joined();
        if (error instanceof OstinatoError && error.code === "ERR_STORE_CLOSED") return;
        await sleep(clock, lease, leaving);
      }
    }
  }

  /** Looks who is alive, tells what has changed, and sets the timer for the next who may die. */
  #look(): void {
    const { clock } = this.#options;
    let next = Infinity;
    for (const [seen, fields] of this.#records()) {
      const left = this.#msToLive(seen, fields);
      if (left > 0) next = Math.min(next, left);
      else next = Math.min(next, this.#bury(seen, fields));
    }
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (next < Infinity) {
      this.#timer = clock.setTimeout(() => {
        this.#look();
      }, next);
    }
    const now = JSON.stringify(this.members());
    if (now === this.#last) return;
    this.#last = now;
    for (const listener of [...this.#listeners]) listener();
  }

  *#records(): Generator<[Seen, LeaseFields, Member | undefined]> {
    for (const seen of this.#options.view.entries()) {
      const { entry } = seen;
      if (!entry.key.startsWith(this.#prefix)) continue;
      let record = this.#read.get(entry.key);
      if (record?.entry !== entry) {
        record = readRecord(entry);
        this.#read.set(entry.key, record);
      }
      if (record.fields !== undefined) yield [seen, record.fields, record.member];
    }
  }

  #msToLive(seen: Seen, fields: LeaseFields): number {
    const { clock, lease } = this.#options;
    const verdict = mayTake(fields, seen, clock.monotonic(), lease);
    return verdict.take ? 0 : verdict.waitMs;
  }

  /** Returns in how many milliseconds the record of a dead member is to be deleted, Infinity if it has been tried. */
  #bury(seen: Seen, fields: LeaseFields): number {
    const { clock, lease, map } = this.#options;
    const left = seen.seenAt + burialAfter * Math.max(lease, fields.lease) - clock.monotonic();
    if (left > 0) return left;
    if (this.lease.valid()) void map.delete(seen.entry.key, seen.entry.revision).catch(() => undefined);
    return Infinity;
  }
}

/** A record of another form, of a newer version or another program, is no member and is left alone. */
function readRecord(entry: Entry): ReadRecord {
  const fields = readLease(entry.value);
  return { entry, fields, member: fields === undefined ? undefined : readMember(fields) };
}

function readMember(record: LeaseFields): Member | undefined {
  if (read(record, "kind") !== kind) return undefined;
  const about = read(record, "about");
  const [host, pid, version, started] = ["host", "pid", "version", "started"].map((field) => read(about, field));
  if (typeof host !== "string" || typeof version !== "string") return undefined;
  const isDate = typeof started === "number" && !Number.isNaN(new Date(started).getTime());
  if (!isDate || !Number.isSafeInteger(pid)) return undefined;
  const summary = { host, pid: pid as number, version, started };
  return { id: record.holder, ...summary, holds: read(record, "holds") };
}
