import type { Clock, TimerId } from "../clock";

const look = 60_000;

/** Resolves after `delay` elapsed milliseconds, or as soon as the signal is aborted. */
export function waitFor(clock: Clock, delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimeout(end, delay);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Resolves when the wall shows `instant`, also when the wall is moved meanwhile, or as soon as the signal is aborted. */
export function waitUntil(clock: Clock, instant: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: TimerId;
    const end = () => {
      clock.clearTimeout(timer);
      unsubscribe?.();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const check = () => {
      clock.clearTimeout(timer);
      const left = instant - clock.now();
      if (left <= 0 || signal.aborted) return end();
      timer = clock.setTimeout(check, unsubscribe === undefined ? Math.min(left, look) : left);
    };
    const unsubscribe = clock.onWallJump?.(check);
    signal.addEventListener("abort", end, { once: true });
    check();
  });
}

/** Resolves when `work` has settled, however it did, or as soon as the signal is aborted. */
export function settledOrAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener("abort", end);
      resolve();
    };
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", end, { once: true });
    work.then(end, end);
  });
}

/** Whether `work` settles within `limit`, which is lifted for good once `lift` is aborted. */
export function settledWithin(
  clock: Clock,
  limit: number,
  work: Promise<unknown>,
  lift?: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => end(false), limit);
    const cancel = () => clock.clearTimeout(timer);
    const end = (settled: boolean) => {
      cancel();
      lift?.removeEventListener("abort", cancel);
      resolve(settled);
    };
    if (lift?.aborted) cancel();
    else lift?.addEventListener("abort", cancel, { once: true });
    work.then(
      () => end(true),
      () => end(true),
    );
  });
}
