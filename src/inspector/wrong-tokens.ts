import type { Logger } from "pino";
import type { Clock } from "../index";

/** The first ones may be slips of the finger; each further one waits twice as long as the one before, up to a limit. */
const free = 2;
const firstDelay = 125;
const longestDelay = 1_000;
/** So many of one caller wait at a time; further requests of it are not looked at meanwhile. */
const mostWaiting = 16;
/** A burst is over when no wrong token came for so long; a burst that goes on is logged again as often. */
const burst = 60_000;

/**
 * Slows down whoever tries tokens out, and logs it: one line when a burst begins and one for each minute that it lasts.
 * A right token is never slowed down, unless its caller has many wrong ones waiting.
 */
export class WrongTokens {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiting = new Map<string, number>();
  #inBurst = 0;
  #last = -Infinity;
  #logged = -Infinity;
  #unlogged = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Whether a request of this caller that brings a token is not to be looked at now. */
  isBusy(caller: string): boolean {
    return (this.#waiting.get(caller) ?? 0) >= mostWaiting;
  }

  /** Counts one more; resolves when it may be answered. */
  async count(caller: string): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#last > burst) this.#inBurst = 0;
    this.#last = now;
    this.#inBurst += 1;
    this.#unlogged += 1;
    this.#log(caller, now);
    const doublings = this.#inBurst - free - 1;
    if (doublings < 0) return;
    this.#waiting.set(caller, (this.#waiting.get(caller) ?? 0) + 1);
    await new Promise<void>((resolve) => {
      this.#clock.setTimeout(resolve, Math.min(longestDelay, firstDelay * 2 ** Math.min(doublings, 10)));
    });
    const left = (this.#waiting.get(caller) ?? 1) - 1;
    if (left > 0) this.#waiting.set(caller, left);
    else this.#waiting.delete(caller);
  }

  #log(caller: string, now: number): void {
    if (now - this.#logged < burst && this.#inBurst > 1) return;
    this.#logged = now;
    const count = this.#unlogged;
    this.#unlogged = 0;
    const times = count === 1 ? "a wrong token was" : `${String(count)} wrong tokens were`;
    this.#logger.warn({ caller, wrongTokens: count }, `inspector: ${times} given, the last one from ${caller}`);
  }
}
