import { Subscription, type SchedulerAction, type SchedulerLike } from "rxjs";
import type { Clock, TimerId } from "../clock";

/**
 * A clock as an RxJS scheduler: `timer(1_000, rxScheduler(clock))`, and `interval`, `delay`, `debounceTime` likewise,
 * pass time on that clock, in one order with everything else that is set on it.
 *
 * `now()` is the wall; delays are elapsed time, however long, counted from the call that asks for them. Work is never
 * called before `schedule` has returned. Work that throws is not called again, and what it threw leaves the timer.
 */
export function rxScheduler(clock: Clock): SchedulerLike {
  return {
    now: () => clock.now(),
    schedule: <T>(work: (this: SchedulerAction<T>, state: T) => void, delay = 0, state?: T) =>
      new ClockAction(clock, work).schedule(state, delay),
  };
}

/** One piece of work, which may schedule itself anew; unsubscribing it leaves no timer. */
class ClockAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #clock: Clock;
  readonly #work: (this: SchedulerAction<T>, state: T) => void;
  #timer: TimerId;

  constructor(clock: Clock, work: (this: SchedulerAction<T>, state: T) => void) {
    super(() => this.#cancel());
    this.#clock = clock;
    this.#work = work;
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    this.#cancel();
    this.#timer = this.#clock.setTimeout(() => this.#run(state as T), Math.max(0, delay));
    return this;
  }

  #run(state: T): void {
    this.#timer = undefined;
    try {
      this.#work.call(this, state);
    } catch (error) {
      this.unsubscribe();
      throw error;
    }
  }

  #cancel(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
