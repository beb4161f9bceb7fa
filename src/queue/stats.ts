import type { Clock } from "../clock";

/** What one process knows of its part in a queue. Counts are since it began to execute; times are milliseconds. */
export interface QueueStats {
  /** Partitions owned here, of how many; and how many of them are still being loaded. */
  readonly owned: number;
  readonly partitions: number;
  readonly loading: number;
  /** Partitions of the queue, whoever owns them, that nobody has served for longer than two leases. */
  readonly unserved: number;
  /** Of the partitions owned here: tasks that wait for their time, that are due and wait for a worker, that run. */
  readonly waiting: number;
  readonly due: number;
  readonly running: number;
  readonly concurrency: number;
  /** How long a silent process keeps its partitions. */
  readonly lease: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Runs that were cut short, by a stop or a lost lease. */
  readonly aborted: number;
  readonly deadLetters: number;
  /** How many runs have not ended when they should have, by reason; and 1 for places that are all stuck. */
  readonly overdue: Readonly<Record<string, number>>;
  /** Runs a second over the last ten seconds. */
  readonly rate: number;
  /** From the due time to the start, over the last runs; undefined before the first. */
  readonly lateness:
    { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number } | undefined;
}

const remembered = 1_024;
const seconds = 10;

/** Counts runs, at next to no cost. */
export class RunCounts {
  succeeded = 0;
  failed = 0;
  aborted = 0;
  deadLetters = 0;
  readonly #clock: Clock;
  readonly #lateness = new Float64Array(remembered);
  #measured = 0;
  readonly #perSecond = new Float64Array(seconds);
  #second = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = this.#now;
  }

  began(lateBy: number): void {
    this.#lateness[this.#measured % remembered] = lateBy;
    this.#measured += 1;
  }

  ended(outcome: string): void {
    if (outcome === "succeeded") this.succeeded += 1;
    else if (outcome === "aborted" || outcome === "leaseLost") this.aborted += 1;
    else this.failed += 1;
    this.#turn();
    const at = this.#second % seconds;
    this.#perSecond[at] = (this.#perSecond[at] as number) + 1;
  }

  get rate(): number {
    this.#turn();
    return this.#perSecond.reduce((sum, count) => sum + count, 0) / seconds;
  }

  get lateness(): QueueStats["lateness"] {
    if (this.#measured === 0) return undefined;
    const sorted = this.#lateness.slice(0, Math.min(this.#measured, remembered)).sort();
    const share = (part: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
    return { p50: share(0.5), p95: share(0.95), p99: share(0.99), max: share(1) };
  }

  get #now(): number {
    return Math.floor(this.#clock.monotonic() / 1_000);
  }

  /** Clears the seconds that have passed since the last look. */
  #turn(): void {
    const now = this.#now;
    for (let passed = 0; this.#second < now && passed < seconds; passed += 1) {
      this.#second += 1;
      this.#perSecond[this.#second % seconds] = 0;
    }
    this.#second = now;
  }
}
