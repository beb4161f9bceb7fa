import type { Clock } from "../clock";
import { parseDuration, type Duration } from "../duration";
import { readOptions, refuse, timeOf } from "../validate";
import { TimerHeap, type Timed } from "./timer-heap";

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** Lets this much time pass, step by step, and resolves when all that was due has been called and has settled. */
  advance(duration: Duration): Promise<void>;
  /** Lets time pass until the wall shows `date`; a date that has passed is refused. */
  advanceTo(date: Date | number | string): Promise<void>;
  /** Sets the wall alone: elapsed time stands, and whoever waits for a wall time looks again. */
  setWall(date: Date | number | string): void;
  /** Timers that are still to come. */
  pending(): number;
}

export interface VirtualClockOptions {
  /** What the wall shows first. Default 2026-01-01T00:00:00Z. */
  start?: Date | number | string;
  /** Awaited after each instant at which something was called: for tests with real input and output. */
  settle?: () => Promise<void>;
}

interface VirtualTimer extends Timed {
  readonly callback: () => void;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function instant(option: string, value: Date | number | string): number {
  const time = timeOf(value);
  if (Number.isNaN(time)) refuse(option, "a Date, milliseconds, or an ISO date", value);
  return time;
}

/**
 * A clock for tests and simulations. Time passes only in `advance`, from timer to timer: every callback sees its exact
 * time, timers of one instant are called in the order in which they were set, and promises settle in between.
 */
export function virtualClock(given: VirtualClockOptions = {}): VirtualClock {
  const options = readOptions("virtualClock", given, ["start", "settle"]);
  const heap = new TimerHeap<VirtualTimer>();
  const jumpListeners = new Set<() => void>();
  const start = instant("start", options.start ?? "2026-01-01T00:00:00Z");
  let elapsed = 0;
  let wallOffset = start;
  let order = 0;
  let queue: Promise<unknown> = Promise.resolve();

  const settled = async (): Promise<void> => {
    await turn();
    await options.settle?.();
  };

  async function passUntil(target: () => number): Promise<void> {
    await settled();
    const errors: unknown[] = [];
    for (let next = heap.peek(); next !== undefined && next.at <= target(); next = heap.peek()) {
      elapsed = Math.max(elapsed, next.at);
      // Everything of this instant, with what it sets for this very instant, before promises settle.
      for (let due = heap.peek(); due !== undefined && due.at <= elapsed; due = heap.peek()) {
        heap.pop();
        try {
          due.callback();
        } catch (error) {
          errors.push(error);
        }
        await Promise.resolve();
      }
      await settled();
      if (errors.length > 0) throw errors[0];
    }
    elapsed = Math.max(elapsed, target());
  }

  const after = (pass: () => Promise<void>): Promise<void> => {
    const result = queue.then(pass);
    queue = result.catch(() => undefined);
    return result;
  };

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    setTimeout(callback, delay) {
      const timer = { at: elapsed + Math.max(0, delay || 0), order: order++, cancelled: false, callback };
      heap.push(timer);
      return timer;
    },
    clearTimeout(timer) {
      if (timer !== undefined) heap.cancel(timer as VirtualTimer);
    },
    onWallJump(listener) {
      const own = (): void => listener();
      jumpListeners.add(own);
      return () => jumpListeners.delete(own);
    },
    advance(duration) {
      const length = parseDuration("advance", duration, { min: 0 });
      return after(() => {
        const target = elapsed + length;
        return passUntil(() => target);
      });
    },
    advanceTo(date) {
      const wall = instant("advanceTo", date);
      return after(() => {
        if (wall < wallOffset + elapsed)
          refuse("advanceTo", "a time that has not passed", new Date(wall).toISOString());
        return passUntil(() => wall - wallOffset);
      });
    },
    setWall(date) {
      wallOffset = instant("setWall", date) - elapsed;
      for (const listener of [...jumpListeners]) listener();
    },
    pending: () => heap.size,
  };
}
