import type { Clock } from "../clock";
import { formatDuration } from "../duration";
import { addTick } from "../rules/claimed-ticks";
import { aheadBy, clockTolerance, rebased } from "../rules/clock-ahead";
import type { DueRule } from "../rules/due";
import { patience } from "../rules/lease";
import { adopted, countedBy, rivalOf } from "../rules/schedule-change";
import type { TaskRecord } from "../rules/task-record";
import { identityOf } from "../schedules/checked";
import { quoted } from "../validate";

export interface BearingsOptions {
  /** The task's name. */
  readonly name: string;
  readonly nodeId: string;
  readonly rule: DueRule;
  readonly lease: number;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
  /** The record lies ahead of this clock, so that no run begins. */
  readonly onAhead: (reason: string) => void;
}

/** A record as this node reads it. */
export interface Bearing {
  /** What a write begins from. */
  readonly record: TaskRecord;
  /** What is due is computed from this: `record`, or what it is to a node of another schedule. */
  readonly counted: TaskRecord;
  /** `record` differs from what is stored, and is to be stored even if nothing is due. */
  readonly changed: boolean;
  /** The record lies ahead of this clock: to be looked at again after so many elapsed milliseconds. */
  readonly lookIn?: number;
}

/** A rival shows itself in the record once it has lasted for so long: most deploys are over by then. */
const deployTime = 10 * 60_000;
/** The same disagreement of clocks is reported once in this time. */
const quietTime = 3_600_000;

/** Compares a task's record with this node's own schedule and clock, and reports where they disagree. */
export class Bearings {
  readonly #options: BearingsOptions;
  readonly #identity: string;
  #startedAt: number;
  /** Until it has been stored that this node's schedule counts. */
  #adopts = true;
  #rivalSeenAt: number | undefined;
  #isWarned = false;
  #aheadToldAt = -Infinity;
  #rebasedAt: number | undefined;
  #isFirst = true;

  constructor(options: BearingsOptions) {
    this.#options = options;
    this.#identity = identityOf(options.rule.schedule);
    this.#startedAt = options.clock.now();
  }

  /** What a record is made with. */
  get fields(): Pick<TaskRecord, "schedule"> {
    return { schedule: this.#identity };
  }

  started(): void {
    this.#startedAt = this.#options.clock.now();
    this.#adopts = true;
  }

  /** A record that this node made, or took bearings on, is stored. */
  stored(): void {
    this.#adopts = false;
  }

  /** @param seenAt when this node first saw the record as it is, on its monotonic clock */
  take(stored: TaskRecord, seenAt: number): Bearing {
    this.#compareClocks(stored);
    const own = this.#adopts ? adopted(stored, this.#identity, this.#startedAt) : this.#meetRival(stored);
    if (own === stored) this.#adopts = false;
    const counted = countedBy(own, this.#identity, this.#startedAt);
    const ahead = aheadBy(counted, this.#options.rule.schedule, this.#options.clock.now());
    if (ahead === 0) return { record: own, counted, changed: own !== stored };
    this.#tellAhead(counted, ahead);
    const bearing = this.#mend(own, counted, seenAt);
    return { ...bearing, changed: bearing.record !== stored };
  }

  /** Whether the record has to be looked at before it can be waited for. */
  isAhead(record: TaskRecord): boolean {
    return aheadBy(record, this.#options.rule.schedule, this.#options.clock.now()) > 0;
  }

  /** What a claim of `tick` adds to the record. */
  claimed(record: TaskRecord, tick: number): Partial<TaskRecord> {
    const { schedule } = this.#options.rule;
    const isRival = record.schedule !== undefined && record.schedule !== this.#identity;
    return {
      ...(isRival ? { rival: this.#identity } : this.fields),
      ...(schedule.elapsed === undefined ? { rows: addTick(record.rows ?? [], tick, schedule) } : {}),
    };
  }

  #meetRival(stored: TaskRecord): TaskRecord {
    const rival = rivalOf(stored, this.#identity);
    if (rival === undefined) return stored;
    const now = this.#options.clock.monotonic();
    this.#rivalSeenAt ??= now;
    if (!this.#isWarned) this.#warn(rival);
    if (stored.schedule === this.#identity || stored.rival === this.#identity) return stored;
    // Runs of the other node may leave none due here, so that no claim tells it of this one.
    return now - this.#rivalSeenAt < deployTime ? stored : { ...stored, rival: this.#identity };
  }

  #warn(rival: string): void {
    this.#isWarned = true;
    const { name, warn } = this.#options;
    warn(
      `${quoted(name)} runs by ${this.#identity} on this node and by ${rival} on another node of the same store. ` +
        "This is expected while a deploy changes the schedule; if it lasts, two services share the name: " +
        "rename one task, or give each service its own namespace",
    );
  }

  #mend(own: TaskRecord, counted: TaskRecord, seenAt: number): Omit<Bearing, "changed"> {
    const { rule, clock, lease, nodeId } = this.#options;
    const mended = rebased(own, rule.schedule, clock.now(), nodeId);
    if (mended === undefined) return { record: own, counted };
    const wait = lease === Infinity ? 0 : seenAt + patience(Math.max(lease, own.lease)) - clock.monotonic();
    if (wait > 0) return { record: own, counted, lookIn: wait };
    return { record: mended, counted: mended };
  }

  #tellAhead({ tick, since, previousRun }: TaskRecord, ahead: number): void {
    const { clock, onAhead } = this.#options;
    if (clock.monotonic() - this.#aheadToldAt < quietTime) return;
    this.#aheadToldAt = clock.monotonic();
    const counted = new Date(tick ?? since).toISOString();
    const by = previousRun === undefined ? "" : `, last run by node ${previousRun.node},`;
    onAhead(
      `its record${by} counts from ${counted}, ${roughly(ahead)} ahead of this node's clock ` +
        `(${new Date(clock.now()).toISOString()}): one of the two clocks is, or was, wrong`,
    );
  }

  /** Another node has just found the record ahead of its clock, which is not ahead of this one. */
  #compareClocks({ rebased: by }: TaskRecord): void {
    const isNews = by !== undefined && by.at !== this.#rebasedAt && !this.#isFirst;
    this.#rebasedAt = by?.at;
    this.#isFirst = false;
    const { clock, nodeId, name, warn } = this.#options;
    if (!isNews || by.node === nodeId || Math.abs(clock.now() - by.at) <= clockTolerance) return;
    if (clock.monotonic() - this.#aheadToldAt < quietTime) return;
    this.#aheadToldAt = clock.monotonic();
    const [mine, other] = [clock.now(), by.at].map((at) => new Date(at).toISOString());
    warn(
      `the clocks of two nodes that run ${quoted(name)} differ: ${String(mine)} here, ${String(other)} on node ${by.node}`,
    );
  }
}

/** A distance in time for people: `40m`, `96h`. */
function roughly(ms: number): string {
  const unit = ms < 7_200_000 ? 60_000 : 3_600_000;
  return formatDuration(Math.round(ms / unit) * unit);
}
