import type { Afterwards, Verdict } from "../../machines/events";
import type { Retry } from "../rules/backoff";
import { due, type Due, type DueRule } from "../rules/due";
import { fencingToken, mayTake, momentOf, mustStop } from "../rules/lease";
import { afterRun, type RunResult } from "../rules/record-end";
import { freshRecord, readRecord, type ReadRecord, type TaskRecord } from "../rules/task-record";
import type { Entry } from "../store";
import type { Bearing, Bearings } from "./bearings";
import type { Holding, RecordPlace } from "./record-place";
import { TaskClaim } from "./task-claim";
import { afterwardsOf, decided, lateAnswer, verdictOf } from "./verdicts";

export interface ClaimsOptions extends Holding {
  nodeId: string;
  /** Undefined while the store has not been reached yet. */
  place: () => RecordPlace | undefined;
  rule: DueRule | undefined;
  retry: Retry;
  newRunId: () => string;
  /** Milliseconds by which the start of the tick after this one lags behind it. */
  delayAfter: (tick: number | null) => number;
  /** Of a task with a schedule. */
  bearings: Bearings | undefined;
}

/** So many looks follow each other at once where others write the record meanwhile. */
const looksAtOnce = 4;

/** Where a look at the record leads: callbacks, because ten thousand looks at once must be cheap. */
interface Answers {
  readonly verdict: (verdict: Verdict) => void;
  /** The record had changed: look once more. */
  readonly again: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * A task's record in the store: deciding on it, claiming a tick in it, and writing down how it went. Every step is one
 * conditional write; what cannot be known is read again, never assumed.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  #since: number;
  #claimed: TaskClaim | undefined;
  #tickSeen: { tick: number | null; at: number } | undefined;
  #attempted = "";
  /** The record at the revision that was read last: parsing costs more than the rest of a look. */
  #parsed: { revision: number; value: string; read: ReadRecord } | undefined;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  /** What this node knows of the task: its own claim, or the record as last seen. */
  get record(): TaskRecord | undefined {
    if (this.#claimed !== undefined) return this.#claimed.record;
    const read = this.#read(this.#options.place()?.view.get(this.#options.key)?.entry);
    return read.kind === "record" ? read.record : undefined;
  }

  get token(): number | undefined {
    return this.#claimed?.token;
  }

  #read(entry: Entry | undefined): ReadRecord {
    if (entry === undefined) return { kind: "none" };
    // Where a store was made again, an old revision may belong to another value.
    if (this.#parsed?.revision !== entry.revision || this.#parsed.value !== entry.value) {
      this.#parsed = { revision: entry.revision, value: entry.value, read: readRecord(entry.value) };
    }
    return this.#parsed.read;
  }

  /** Ticks count from now on where there is no record yet. */
  started(): void {
    this.#since = this.#options.clock.now();
    this.#options.bearings?.started();
  }

  /**
   * Decides, and claims if the task is due (or triggered) and free; answers once, at once where nothing has to be
   * written.
   */
  check(triggered: boolean, answer: (verdict: Verdict) => void, looks = 1): void {
    const place = this.#options.place();
    if (place === undefined) return answer({ type: "UNREACHABLE" });
    const to: Answers = {
      verdict: answer,
      failed: (error) => {
        place.failed(error);
        answer({ type: "UNREACHABLE" });
      },
      // A record that changes under every look is looked at later, with the pause of a store that does not answer.
      again: () => {
        if (looks >= looksAtOnce) answer({ type: "UNREACHABLE" });
        else void this.#readAgain(place).then(() => this.check(triggered, answer, looks + 1), to.failed);
      },
    };
    this.#look(place, triggered, to);
  }

  /** The record had changed under us. */
  async #readAgain(place: RecordPlace): Promise<void> {
    const sent = place.view.moment();
    const entry = await place.map.get(this.#options.key);
    place.answered();
    place.view.noteOwnWrite(entry ?? { key: this.#options.key, value: undefined, revision: 0 }, sent);
  }

  #look(place: RecordPlace, triggered: boolean, to: Answers): void {
    const { key, clock, lease, bearings } = this.#options;
    const seen = place.view.get(key);
    const read = this.#read(seen?.entry);
    if (read.kind === "newer") {
      to.verdict({ type: "REFUSED", reason: `its record was written by a newer version (${String(read.version)})` });
      return;
    }
    const stored = read.kind === "record" ? read.record : { ...freshRecord(this.#since), ...bearings?.fields };
    // A claim under our name that this process has not made is an earlier one's, or that of a namesake who lives. Where
    // only this runtime writes, it is of a run that was given up, and has returned since.
    if (seen !== undefined && stored.holder !== "" && !this.#isOwn(stored) && lease !== Infinity) {
      const take = mayTake(stored, seen, clock.monotonic(), lease);
      if (!take.take) {
        to.verdict({ type: "HELD", holder: stored.holder, retryIn: take.waitMs });
        return;
      }
    }
    if (stored.paused === true && !triggered) {
      to.verdict({ type: "PAUSED" });
      return;
    }
    let bearing: Bearing | undefined;
    const decision = decided(() => {
      bearing = bearings?.take(stored, seen?.seenAt ?? clock.monotonic());
      return this.#decide(bearing?.counted ?? stored, triggered, seen?.seenAt);
    });
    const record = bearing?.record ?? stored;
    if (decision.kind === "run") {
      this.#claim(place, seen?.entry, record, decision, to);
      return;
    }
    const verdict = verdictOf(decision, bearing?.lookIn);
    // Ticks that pass while nobody is up are missed ticks: that takes a record to count from.
    const isWritten = bearing?.changed === true || (read.kind !== "record" && decision.kind === "wait");
    if (isWritten) this.#write(place, seen?.entry, record, to, () => verdict);
    else to.verdict(verdict);
  }

  #isOwn(record: TaskRecord): boolean {
    return record.holder === this.#options.nodeId && record.runId === this.#attempted;
  }

  #decide(record: TaskRecord, triggered: boolean, seenAt?: number): Due {
    const { rule, clock, delayAfter } = this.#options;
    const now = clock.now();
    if (this.#tickSeen === undefined || this.#tickSeen.tick !== record.tick) {
      this.#tickSeen = { tick: record.tick, at: clock.monotonic() };
    }
    // Our own claim whose answer never came: that attempt was not made.
    const known: TaskRecord = this.#isOwn(record) ? { ...record, state: "open" } : record;
    const again = known.state === "open" || known.state === "retry";
    if (rule === undefined || (triggered && !again)) {
      return { kind: "run", tick: Math.max(now, (record.tick ?? 0) + 1), attempt: 1 };
    }
    const since = clock.monotonic() - this.#tickSeen.at;
    const sinceSeen = seenAt === undefined ? 0 : clock.monotonic() - seenAt;
    const decision = due(known, rule, now, since, delayAfter(record.tick), sinceSeen);
    if (triggered && decision.kind === "retryLater" && record.tick !== null) {
      return { kind: "run", tick: record.tick, attempt: record.attempt + 1 };
    }
    return decision;
  }

  #claim(
    place: RecordPlace,
    entry: Entry | undefined,
    record: TaskRecord,
    { tick, attempt, catchUp }: Extract<Due, { kind: "run" }>,
    to: Answers,
  ): void {
    const { clock, nodeId, lease } = this.#options;
    const moment = momentOf(clock);
    const runId = this.#options.newRunId();
    const claimed: TaskRecord = {
      ...record,
      holder: nodeId,
      lease: Number.isFinite(lease) ? lease : 0,
      renewals: 0,
      runId,
      tick,
      state: "running",
      attempt,
      retryAt: undefined,
      catchUp,
      startedAt: clock.now(),
      ...this.#options.bearings?.claimed(record, tick),
    };
    this.#attempted = runId;
    this.#write(place, entry, claimed, to, (revision) => {
      const late = lease === Infinity ? undefined : mustStop(moment, momentOf(clock), lease);
      if (late !== undefined) throw lateAnswer(this.#options.key, late);
      const token = fencingToken(place.epoch, revision);
      this.#tickSeen = { tick, at: moment.startedAt };
      const tenure = { number: 1, token, acquired: revision, revision, renewals: 0, ...moment };
      this.#claimed = new TaskClaim({ holding: this.#options, place, record: claimed, tenure });
      return { type: "CLAIMED", tick, attempt, fencingToken: token, runId };
    });
  }

  #write(
    place: RecordPlace,
    entry: Entry | undefined,
    record: TaskRecord,
    to: Answers,
    stored: (revision: number) => Verdict,
  ): void {
    const { key } = this.#options;
    const value = JSON.stringify(record);
    const sent = place.view.moment();
    const write = entry === undefined ? place.map.create(key, value) : place.map.update(key, value, entry.revision);
    write.then((written) => {
      place.answered();
      if (!written.ok) {
        to.again();
        return;
      }
      this.#options.bearings?.stored();
      const { revision } = written;
      this.#parsed = { revision, value, read: { kind: "record", record } };
      place.view.noteOwnWrite({ key, value, revision }, sent);
      let verdict: Verdict;
      try {
        verdict = stored(revision);
      } catch (error) {
        to.failed(error);
        return;
      }
      to.verdict(verdict);
    }, to.failed);
  }

  /** From now on nobody renews: the claim runs out by itself (`N12`). */
  letExpire(): void {
    this.#claimed?.letExpire();
  }

  /** Ends the claim by writing down how the run went; `stored` is false when the record is somebody else's by now. */
  end(result: RunResult, endedAt: number): Promise<{ stored: boolean; afterwards: Afterwards }> {
    const claim = this.#claimed;
    const { nodeId, retry, random, rule } = this.#options;
    if (claim === undefined || result.outcome === "leaseLost") {
      this.#claimed = undefined;
      return Promise.resolve({ stored: false, afterwards: { then: "look" } });
    }
    const next = afterRun(claim.record, result, {
      now: endedAt,
      node: nodeId,
      retry,
      random: random(),
      retries: rule !== undefined,
      token: claim.token,
    });
    const place = this.#options.place();
    return claim.end(next).then((revision) => {
      if (this.#claimed === claim) this.#claimed = undefined;
      if (revision === undefined) return { stored: false, afterwards: { then: "look" } };
      const paused = claim.pausedByOthers;
      const record = paused === (next.paused ?? false) ? next : { ...next, paused };
      const entry = place?.view.get(this.#options.key)?.entry;
      if (entry?.revision === revision) this.#parsed = { ...entry, read: { kind: "record", record } };
      return { stored: true, afterwards: this.#afterwards(record) };
    });
  }

  /** What the task waits for now that its record says `record`. */
  #afterwards(record: TaskRecord): Afterwards {
    const { rule, bearings, clock } = this.#options;
    if (rule === undefined) return { then: "finished" };
    let isAhead = false;
    const decision = decided(() => {
      isAhead = bearings?.isAhead(record) === true;
      return this.#decide(record, false);
    });
    return isAhead ? { then: "look" } : afterwardsOf(decision, clock.now());
  }

  /** Stops every effort; the record is left as it is, and its lease runs out. */
  giveUp(): void {
    this.#claimed?.giveUp();
    this.#claimed = undefined;
  }
}
