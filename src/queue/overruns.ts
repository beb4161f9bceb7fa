import type { Alarm } from "../alarms";
import type { Clock } from "../clock";
import { expectedEnd } from "../rules/overrun";
import type { QueueRecord } from "../rules/queue-record";
import type { Host } from "../supervision/host";
import type { QueueSettings } from "./options";

/** Something that was expected of the queue has not come; without an id it concerns all of it in this process. */
export interface Overrun {
  readonly id: string | undefined;
  readonly reason: string;
  /** Milliseconds of the wall: when it was due to end, or to begin. */
  readonly dueAt: number;
}

export interface OverrunTold {
  readonly onOverdue: (overrun: Overrun) => void;
  readonly onRecovered: (overrun: Overrun, overdueMs: number) => void;
}

interface Expected {
  readonly id: string;
  readonly end: { at: number; reason: string };
  /** The same, as elapsed time: a wall that is set is no delay. */
  readonly elapsed: number;
  told: Overrun | undefined;
}

const lookEvery = 1_000;

/**
 * The watchdog of a queue's runs: tells of a run that has not ended when it should have, and of places that are all
 * taken while tasks are due and no run ends. Each is told once, and again when it is over. While nothing runs it costs
 * nothing.
 */
export class Overruns {
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #settings: QueueSettings;
  readonly #told: OverrunTold;
  /** How many tasks are due and wait for a place. */
  readonly #due: () => number;
  readonly #runs = new Map<string, Expected>();
  /** When a run ended last, or the last place was taken: on the wall, and as elapsed time. */
  #moved = { wall: 0, elapsed: 0 };
  #stuck: Overrun | undefined;
  #alarm: Alarm | undefined;

  constructor(host: Host, settings: QueueSettings, told: OverrunTold, due: () => number) {
    this.#clock = host.clock;
    this.#host = host;
    this.#settings = settings;
    this.#told = told;
    this.#due = due;
  }

  /** The runs and the places that are overdue now. */
  get all(): Overrun[] {
    const runs = [...this.#runs.values()].flatMap(({ told }) => told ?? []);
    return this.#stuck === undefined ? runs : [this.#stuck, ...runs];
  }

  began(key: string, record: QueueRecord): void {
    const now = this.#clock.now();
    const end = expectedEnd(record, now, this.#settings);
    const elapsed = this.#clock.monotonic() + end.at - now;
    this.#runs.set(key, { id: record.id, end, elapsed, told: undefined });
    if (this.#runs.size === this.#settings.concurrency) this.#move();
    this.#alarm ??= this.#host.alarms.after(lookEvery, () => this.#look());
  }

  ended(key: string): void {
    const run = this.#runs.get(key);
    this.#runs.delete(key);
    this.#move();
    if (run?.told !== undefined) this.#recovered(run.told);
    if (this.#stuck !== undefined) this.#recovered(this.#stuck);
    this.#stuck = undefined;
  }

  close(): void {
    this.#alarm?.cancel();
    this.#runs.clear();
    this.#stuck = undefined;
  }

  #look(): void {
    this.#alarm = this.#runs.size === 0 ? undefined : this.#host.alarms.after(lookEvery, () => this.#look());
    const now = this.#clock.monotonic();
    for (const run of this.#runs.values()) {
      const { id, end, elapsed } = run;
      if (run.told !== undefined || elapsed > now) continue;
      run.told = { id, reason: end.reason, dueAt: end.at };
      this.#told.onOverdue(run.told);
    }
    const { concurrency, timeout = 0, lease } = this.#settings;
    const isFull = this.#runs.size >= concurrency && this.#due() > 0;
    if (!isFull || this.#stuck !== undefined || now - this.#moved.elapsed < Math.max(lease, timeout)) return;
    const reason = `tasks are due, every place (${String(concurrency)}) is taken, and no run ends`;
    this.#stuck = { id: undefined, reason, dueAt: this.#moved.wall };
    this.#told.onOverdue(this.#stuck);
  }

  #move(): void {
    this.#moved = { wall: this.#clock.now(), elapsed: this.#clock.monotonic() };
  }

  #recovered(overrun: Overrun): void {
    this.#told.onRecovered(overrun, Math.max(0, Math.round(this.#clock.now() - overrun.dueAt)));
  }
}
