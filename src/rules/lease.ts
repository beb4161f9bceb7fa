import type { Clock } from "../clock";
import { OstinatoError } from "../errors";

/**
 * The rule of leases, as plain functions.
 *
 * A lease is a record in the store that names its holder. It lets one of many processes act, and another one take over
 * when that process is gone. **What is not promised:** that a holder which has lost its lease has already stopped. It
 * may be frozen, and wake up believing what was true before. So every acquisition gets a fencing token that is larger
 * than all before it; whoever is written to keeps the largest token seen and refuses smaller ones.
 *
 * ```
 *            attempt is sent                                   record seen unchanged for lease + 10 %
 *   holder   |── renew at 1/3 ──|── trusted until 2/3 ──|  stopped
 *   observer      |seen ─────────────────────────────────────────────────────────────|  may take
 * ```
 *
 * - **The store is the authority.** Taking, renewing and releasing are conditional writes on the record's revision: of
 *   two processes that try at once, one wins. Nothing that anybody believes about time can make two of them win.
 * - **Two clocks are never compared.** No record holds an instant that another machine judges by. An observer waits
 *   until the record has stood at one revision for a whole lease on the observer's own monotonic clock; the holder
 *   stops after two thirds on its own. Between the two lies room for clocks that run at different rates.
 * - **Both windows of the holder count from the start of the attempt that succeeded**, taken before the write was sent.
 *   The record cannot have changed before that, so no observer can have begun to wait earlier, and an answer that
 *   takes long cannot stretch what the holder believes.
 * - **No answer is not a refusal.** A write that timed out may have been applied, or be applied later. The holder reads
 *   the record again and goes on only if it names this tenure, with the window of the very attempt that it shows.
 * - **A lapsed tenure is over**, even if a late renewal turns out to have been applied. The same process may take the
 *   record back at once, since nobody else was writing it, but with a new token.
 * - Monotonic clocks stand still while a machine sleeps. A wall that moved against the monotonic clock since the attempt
 *   therefore ends the tenure too, in either direction: a wall that was set back could hide a sleep.
 */
export interface LeaseFields {
  /** Who holds it; "" when it was released. */
  holder: string;
  /** Names the object that took it, drawn at random, so that a restarted process with an old name is somebody else. */
  boot: string;
  /** Counts the attempts to take it that `boot` made; with `boot` it names one tenure. */
  tenure: number;
  /** The length in milliseconds that the holder goes by. */
  lease: number;
  /** Never renewed: it is over when `lease` has passed, and its holder counts on no more. */
  fixed?: true;
  /** Revision of the write that took it; 0 in that write itself, which cannot know it. */
  acquired: number;
  /** Counts the renewals of this tenure, so that one whose answer never came can be recognised. */
  renewals: number;
}

/** What an observer needs to know of a record. */
export type LeaseHeld = Pick<LeaseFields, "holder" | "lease"> & Partial<Pick<LeaseFields, "boot" | "fixed">>;

/** A revision, and when it was first seen, on the observer's monotonic clock. */
export interface Observation {
  readonly revision: number;
  readonly seenAt: number;
}

/**
 * How long an observer waits: the lease and a tenth of it, half a second at most. Clocks that run at different rates
 * are allowed for by the two thirds of the holder; this is for those who measure right at the edge.
 */
export function patience(lease: number): number {
  return lease + Math.min(lease / 10, 500);
}

/** A wall that moved against the monotonic clock by more than this (or a third of the lease) tells of a suspend. */
export const jumpTolerance = 2_000;

/** Any other revision counts as a change, a smaller one too: a store may have lost its last writes. */
export function observe(previous: Observation | undefined, revision: number, monotonic: number): Observation {
  return previous?.revision === revision ? previous : { revision, seenAt: monotonic };
}

/**
 * May the record be taken now, by a conditional write on the revision that was observed? Absent or released: at once.
 * Left over from `self`: at once, as a new tenure. Fixed: when its length has passed since it was seen. Otherwise when
 * it has not changed for the longer of both leases, and a little more.
 *
 * @param lease the length in milliseconds that the observer goes by.
 */
export function mayTake(
  fields: LeaseHeld | undefined,
  observation: Pick<Observation, "seenAt">,
  monotonic: number,
  lease: number,
  self?: Pick<LeaseFields, "holder" | "boot">,
): { take: true } | { take: false; waitMs: number } {
  if (fields === undefined || fields.holder === "") return { take: true };
  if (self !== undefined && fields.holder === self.holder && fields.boot === self.boot) return { take: true };
  const wait = fields.fixed === true ? fields.lease : patience(Math.max(fields.lease, lease));
  const waitMs = observation.seenAt + wait - monotonic;
  return waitMs <= 0 ? { take: true } : { take: false, waitMs: Math.ceil(waitMs) };
}

/** When the holder is to renew: a third of the lease after the start of the last attempt that succeeded. */
export function renewAt(attemptStartedAt: number, lease: number): number {
  return attemptStartedAt + lease / 3;
}

/** Until when the holder may act: two thirds of the lease after the start of the last attempt that succeeded. */
export function trustedUntil(attemptStartedAt: number, lease: number): number {
  return attemptStartedAt + (lease * 2) / 3;
}

/** When the holder tells its work to stop, so that it can end while the lease may still be trusted. */
export function stopAt(attemptStartedAt: number, lease: number): number {
  return trustedUntil(attemptStartedAt, lease) - stopBudget(lease);
}

/** Time between telling the work to stop and the end of trust: a twelfth of the lease. */
export function stopBudget(lease: number): number {
  return lease / 12;
}

/** How long a holder that got no answer, or none from the store, waits before it tries again. */
export function retryPause(lease: number): number {
  return lease / 24;
}

/** A moment that the windows of a holder count from: the start of an attempt, by both clocks. */
export interface Moment {
  /** On the monotonic clock. */
  readonly startedAt: number;
  /** Wall less monotonic clock. */
  readonly skew: number;
}

/** This moment. */
export function momentOf(clock: Clock): Moment {
  const startedAt = clock.monotonic();
  return { startedAt, skew: clock.now() - startedAt };
}

/**
 * May the machine have slept since the attempt? Each skew is a wall reading less the monotonic reading of the same
 * moment. A wall that somebody set looks the same and ends the tenure too: losing one too many does no harm.
 */
export function sleptSince(skewThen: number, skewNow: number, lease: number): boolean {
  return Math.abs(skewNow - skewThen) > Math.min(jumpTolerance, lease / 3);
}

/**
 * Why a holder must stop now, if it must: work may begin, and go on, only while this is undefined.
 *
 * @param since the start of the last attempt that succeeded.
 */
export function mustStop(since: Moment, now: Moment, lease: number): "slept" | "lapsed" | undefined {
  if (sleptSince(since.skew, now.skew, lease)) return "slept";
  return now.startedAt >= stopAt(since.startedAt, lease) ? "lapsed" : undefined;
}

/** What a record that was read again says about writes without an answer. */
export type Whose =
  /** This tenure's, and as this attempt wrote it: the lease counts from the start of that attempt. */
  | { readonly mine: true; readonly since: Moment }
  /** This tenure's, as it stood before: no attempt has been applied, yet. */
  | { readonly mine: true; readonly since: undefined }
  | { readonly mine: false; readonly holder: string | undefined };

/**
 * @param attempts start of each attempt of this tenure whose answer never came, by the `renewals` that it wrote.
 */
export function wasItMine(
  record: LeaseFields | undefined,
  tenure: Pick<LeaseFields, "holder" | "boot" | "tenure">,
  attempts: ReadonlyMap<number, Moment>,
): Whose {
  const mine = record?.holder === tenure.holder && record.boot === tenure.boot && record.tenure === tenure.tenure;
  return mine ? { mine, since: attempts.get(record.renewals) } : { mine: false, holder: record?.holder };
}

/** What a failed write tells: nothing has happened, nobody knows, or it is of no use to try again. */
export function readFailure(error: unknown): "unchanged" | "unknown" | "hopeless" {
  if (!(error instanceof OstinatoError)) return "unknown";
  if (error.code === "ERR_STORE_UNAVAILABLE" || error.code === "ERR_STORE_FULL") return "unchanged";
  return error.code === "ERR_STORE_CLOSED" || error.code === "ERR_STORE_PERMISSION" ? "hopeless" : "unknown";
}

const revisionsPerSecond = 2 ** 20;

/**
 * A number that grows with every acquisition, also when a store is made anew and counts revisions from 1.
 *
 * @param epochSeconds when the store was created.
 * @throws OstinatoError ERR_STORE_SETTINGS when the two do not fit into a safe integer.
 */
export function fencingToken(epochSeconds: number, revision: number): number {
  const token = epochSeconds * revisionsPerSecond + revision;
  if (!Number.isSafeInteger(token) || epochSeconds < 0 || revision < 1) {
    throw new OstinatoError(
      "ERR_STORE_SETTINGS",
      `no fencing token can be made of creation time ${String(epochSeconds)} s and revision ${String(revision)}`,
    );
  }
  return token;
}

/** Reads the fields of a lease from a stored value; undefined when they are not there. */
export function readLease(value: string | undefined): LeaseFields | undefined {
  if (value === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { holder, boot, tenure, lease, acquired, renewals } = parsed as Partial<LeaseFields>;
  const numbers = [tenure, lease, acquired, renewals];
  const intact = typeof holder === "string" && typeof boot === "string" && numbers.every((n) => Number.isFinite(n));
  return intact ? (parsed as LeaseFields) : undefined;
}
