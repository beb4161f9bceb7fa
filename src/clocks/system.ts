import type { Clock, TimerId } from "../clock";

/** The longest delay that Node's own timers take; longer ones would fire at once. */
const longestDelay = 2 ** 31 - 1;
/** How often the wall is compared with elapsed time while somebody listens for jumps, and what counts as one. */
const watchEvery = 5_000;
const jumpSize = 500;

interface SystemTimer {
  handle: NodeJS.Timeout;
}

const listeners = new Set<() => void>();
let watchdog: NodeJS.Timeout | undefined;
let lastSkew = 0;

const skew = (): number => Date.now() - performance.now();

/** One look for all listeners: a set clock shows as a jump, and so does a suspend, in which elapsed time stands still. */
function look(): void {
  const now = skew();
  if (Math.abs(now - lastSkew) < jumpSize) return;
  lastSkew = now;
  for (const listener of [...listeners]) listener();
}

/** The machine's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delay): TimerId {
    if (delay <= longestDelay) return { handle: setTimeout(callback, delay) };
    const deadline = performance.now() + delay;
    const timer: SystemTimer = { handle: setTimeout(step, longestDelay) };
    function step(): void {
      const left = deadline - performance.now();
      if (left <= 0) callback();
      else timer.handle = setTimeout(step, Math.min(left, longestDelay));
    }
    return timer;
  },
  clearTimeout(timer): void {
    if (timer !== undefined) clearTimeout((timer as SystemTimer).handle);
  },
  onWallJump(listener) {
    // Each subscription is its own, also when the same function subscribes twice.
    const own = (): void => listener();
    if (listeners.size === 0) {
      lastSkew = skew();
      watchdog = setInterval(look, watchEvery).unref();
    }
    listeners.add(own);
    return () => {
      if (!listeners.delete(own) || listeners.size > 0) return;
      clearInterval(watchdog);
      watchdog = undefined;
    };
  },
};
