import { hashName, type Random } from "../identity";

/** By how much starts lag behind their ticks: `spread` is the same for one name everywhere, `jitter` is drawn once for each tick. */
export class StartDelay {
  readonly #spread: number;
  readonly #jitter: number;
  readonly #random: Random;
  #drawn: { tick: number | null; delay: number } | undefined;

  constructor({ name, spread, jitter }: { name: string; spread: number; jitter: number }, random: Random) {
    this.#spread = spread === 0 ? 0 : hashName(name) % spread;
    this.#jitter = jitter;
    this.#random = random;
  }

  /** Milliseconds for the tick that follows `tick`. */
  after(tick: number | null): number {
    if (this.#jitter > 0 && (this.#drawn === undefined || this.#drawn.tick !== tick)) {
      this.#drawn = { tick, delay: Math.floor(this.#random() * this.#jitter) };
    }
    return this.#spread + (this.#drawn?.delay ?? 0);
  }
}
