import type { Clock, TimerId } from "./clock";
import { TimerHeap, type Timed } from "./clocks/timer-heap";
import { Fifo } from "./fifo";

/** A deadline that was set. */
export interface Alarm {
  cancel(): void;
}

interface Entry extends Timed {
  readonly ring: () => void;
}

export interface AlarmsOptions {
  /** Told when a ring throws, which stops none of the others. Default: the first error is thrown once all have rung. */
  onError?: (error: unknown) => void;
}

/** Without a clock that tells of jumps, how long a wall alarm may go without a look at the wall. */
const blindWait = 60_000;
/** Rings of one go take no longer than this before others get their turn. */
const slice = 10;

/**
 * Deadlines by the ten thousand over one timer of the clock: at a time of the wall, which is looked at again whenever
 * the wall is set or the machine has slept, or after elapsed time. Never rings early. While nothing waits there is
 * neither a timer nor a listener.
 */
export class Alarms {
  readonly #clock: Clock;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #wall = new TimerHeap<Entry>();
  readonly #elapsed = new TimerHeap<Entry>();
  #order = 0;
  #timer: TimerId;
  #armedFor = Infinity;
  #unlisten: (() => void) | undefined;
  #ringing = false;
  #closed = false;
  readonly #yielded = new Fifo<() => void>();

  constructor(clock: Clock, options: AlarmsOptions = {}) {
    this.#clock = clock;
    this.#onError = options.onError;
  }

  get size(): number {
    return this.#wall.size + this.#elapsed.size;
  }

  /** Rings when the wall shows `wallMs` or later. */
  at(wallMs: number, ring: () => void): Alarm {
    return this.#set(this.#wall, wallMs, ring);
  }

  /** Rings after `ms` of elapsed time. */
  after(ms: number, ring: () => void): Alarm {
    return this.#set(this.#elapsed, this.#clock.monotonic() + Math.max(0, ms), ring);
  }

  /** What can wait gives way to what is due: does `work` at once, or after the rings that are due now. */
  yielding(work: () => void): void {
    if (this.#ringing && this.#dueHeap() !== undefined) this.#yielded.push(work);
    else work();
  }

  /** Cancels all; nothing is left that could keep the process alive. Later alarms never ring. */
  close(): void {
    this.#closed = true;
    this.#wall.clear();
    this.#elapsed.clear();
    this.#arm();
  }

  #set(heap: TimerHeap<Entry>, at: number, ring: () => void): Alarm {
    const entry: Entry = { at, order: this.#order++, cancelled: false, ring };
    if (!this.#closed) {
      heap.push(entry);
      if (!this.#ringing && heap.peek() === entry) this.#arm();
    }
    return {
      cancel: () => {
        if (entry.cancelled) return;
        heap.cancel(entry);
        if (this.size === 0 && !this.#ringing) this.#arm();
      },
    };
  }

  /** One timer for the nearest of both, and a listener to the wall while somebody waits for it. */
  #arm(): void {
    const wall = this.#wall.peek()?.at;
    const elapsed = this.#elapsed.peek()?.at;
    this.#listen(wall !== undefined);
    const now = this.#clock.monotonic();
    let due = this.#yielded.size > 0 ? now : (elapsed ?? Infinity);
    if (wall !== undefined) {
      let wait = Math.max(0, wall - this.#clock.now());
      if (this.#clock.onWallJump === undefined) wait = Math.min(wait, blindWait);
      due = Math.min(due, now + wait);
    }
    if (this.#timer !== undefined) {
      if (due === this.#armedFor) return;
      this.#clock.clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#armedFor = due;
    if (due === Infinity) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#ringDue();
      },
      Math.max(0, due - now),
    );
  }

  #listen(needed: boolean): void {
    if (needed && this.#unlisten === undefined) this.#unlisten = this.#clock.onWallJump?.(() => this.#arm());
    if (needed) return;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  #ringDue(): void {
    this.#ringing = true;
    this.#ringNext(this.#clock.monotonic() + slice, []);
  }

  /** One at a time, and what one ring leads to goes first: much begun at once and nothing ended costs memory and time. */
  #ringNext(until: number, errors: unknown[]): void {
    const next = this.#clock.monotonic() <= until ? this.#takeDue() : undefined;
    if (next === undefined) {
      this.#ringing = false;
      this.#armedFor = Infinity;
      this.#arm();
      if (errors.length > 0) throw errors[0];
      return;
    }
    try {
      next();
    } catch (error) {
      if (this.#onError === undefined) errors.push(error);
      else this.#onError(error);
    }
    queueMicrotask(() => this.#ringNext(until, errors));
  }

  #dueHeap(): TimerHeap<Entry> | undefined {
    if ((this.#elapsed.peek()?.at ?? Infinity) <= this.#clock.monotonic()) return this.#elapsed;
    return (this.#wall.peek()?.at ?? Infinity) <= this.#clock.now() ? this.#wall : undefined;
  }

  #takeDue(): (() => void) | undefined {
    const entry = this.#dueHeap()?.pop();
    if (entry === undefined) return this.#yielded.shift();
    return entry.ring;
  }
}
