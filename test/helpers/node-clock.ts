import type { Clock } from "../../src/clock";
import type { VirtualClock } from "../../src/clocks/virtual";

/** A machine's own clock: it runs at its own rate, shows its own wall, and the machine can be frozen or asleep. */
export interface NodeClock extends Clock {
  /** Moves the wall alone, for good. */
  stepWall(ms: number): void;
  /** Nothing is called until it is let go; elapsed time goes on (a stopped process), or stands still (a suspend). */
  freeze(how: "stopped" | "asleep"): void;
  thaw(): void;
  readonly frozen: boolean;
  /** Resolves when the machine runs: to be awaited before anything is taken in from outside. */
  running(): Promise<void>;
}

interface Pending {
  at: number;
  callback: () => void;
  handle: unknown;
}

export function nodeClock(base: VirtualClock, rate: number, wallOffset: number): NodeClock {
  const timers = new Set<Pending>();
  const listeners = new Set<() => void>();
  let wall = wallOffset;
  let slept = 0;
  let frozen: { how: "stopped" | "asleep"; at: number } | undefined;
  let thawed: (() => void)[] = [];

  const elapsed = (): number => {
    const now = frozen?.how === "asleep" ? frozen.at : base.monotonic();
    return (now - slept) * rate;
  };
  const arm = (timer: Pending): void => {
    timer.handle = base.setTimeout(
      () => {
        if (!timers.delete(timer)) return;
        timer.callback();
      },
      Math.max(0, (timer.at - elapsed()) / rate),
    );
  };

  return {
    now: () => base.now() + wall,
    monotonic: elapsed,
    setTimeout(callback, delay) {
      const timer = { at: elapsed() + Math.max(0, delay), callback, handle: undefined };
      timers.add(timer);
      if (frozen === undefined) arm(timer);
      return timer;
    },
    clearTimeout(timer) {
      if (!timers.delete(timer as Pending)) return;
      base.clearTimeout((timer as Pending).handle);
    },
    onWallJump(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stepWall(ms) {
      wall += ms;
      if (frozen === undefined) for (const listener of [...listeners]) listener();
    },
    freeze(how) {
      if (frozen !== undefined) return;
      frozen = { how, at: base.monotonic() };
      for (const timer of timers) base.clearTimeout(timer.handle);
    },
    thaw() {
      if (frozen === undefined) return;
      if (frozen.how === "asleep") slept += base.monotonic() - frozen.at;
      frozen = undefined;
      for (const timer of timers) arm(timer);
      for (const go of thawed) go();
      thawed = [];
    },
    get frozen() {
      return frozen !== undefined;
    },
    async running() {
      while (frozen !== undefined) await new Promise<void>((resolve) => thawed.push(resolve));
    },
  };
}
