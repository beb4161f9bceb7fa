/**
 * When something is due. A schedule is a pure function of an instant; it holds no state, reads no clock, and nothing
 * else in ostinato computes a due time.
 *
 * Calendar rules:
 * - Work bound to a time of day (daily, weekly, monthly, a cron whose hour field leaves out some hours) runs at that
 *   time once. Times that a spring gap skips run at the first instant after the gap, as one run however many were
 *   skipped. A time that an autumn overlap repeats runs at its first occurrence only. A day that the zone skips
 *   altogether has no run.
 * - Work that repeats by elapsed time (an interval; a cron whose hour field matches all 24 hours) goes on through both
 *   changes with no gap and no repeat.
 */
export interface Schedule {
  /** The first instant later than `after` at which it is due, or undefined when there is none. */
  next(after: Date): Date | undefined;
  /** As it is written in code, for people: `interval("1h")`, `daily({ hour: 12 })`. */
  toString(): string;
  /**
   * Set on schedules that count from wherever they were started (an interval without an anchor): the period in
   * milliseconds, and whether the first run is due at once. Calendar schedules leave it out.
   */
  readonly elapsed?: { readonly every: number; readonly immediate: boolean };
  /** The IANA zone that a calendar schedule reads, the machine's where none was given. */
  readonly timeZone?: string;
}
