/** What a clock's `setTimeout` returns and its `clearTimeout` takes: opaque to everyone else. */
export type TimerId = unknown;

/**
 * The only source of time. Two readings, because they answer two questions: `now()` is the wall, which people and
 * calendars read and which can be set; `monotonic()` is elapsed time, which only grows and on which leases and limits
 * are measured. A clock is also an XState clock.
 */
export interface Clock {
  /** The wall: milliseconds since 1970-01-01T00:00Z. */
  now(): number;
  /** Elapsed milliseconds since an unspecified moment; never goes back. */
  monotonic(): number;
  /** Calls `callback` once after `delay` elapsed milliseconds, however long: past 24.8 days it is re-armed in steps. */
  setTimeout(callback: () => void, delay: number): TimerId;
  clearTimeout(timer: TimerId): void;
  /**
   * Calls `listener` after the wall has moved against elapsed time (set by hand, by a time server, or by a suspend).
   * Returns the function that ends it. A clock without this is looked at once a minute by whoever waits for a wall time.
   */
  onWallJump?(listener: () => void): () => void;
}

/** Resolves after so many elapsed milliseconds, or as soon as the signal is aborted. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = (): void => {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}
