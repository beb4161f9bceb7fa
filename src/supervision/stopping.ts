import type { Clock, TimerId } from "../clock";

/** How long a run that was aborted at the deadline may take to return before it is given up. */
const lastGrace = 1_000;

export interface StoppingOptions {
  readonly clock: Clock;
  /** Milliseconds; Infinity waits for as long as it takes. */
  readonly shutdown: number;
  /** Long-lived work is told to end at once; scheduled work may finish its run within `shutdown` first (`N5`, `S5`). */
  readonly continuous: boolean;
  readonly abort: () => void;
  /** The deadline has passed and the run has not ended. */
  readonly onGivenUp: () => void;
}

/** One child's way from being told to stop until it has ended or was given up: nothing waits for ever. */
export class Stopping {
  readonly #options: StoppingOptions;
  #stop: { promise: Promise<void>; resolve: () => void } | undefined;
  #deadline: TimerId;
  #hurried = false;

  constructor(options: StoppingOptions) {
    this.#options = options;
  }

  get requested(): boolean {
    return this.#stop !== undefined;
  }

  /** Resolves when the child has ended or was given up. `begin` is called the first time. */
  request(begin: () => void): Promise<void> {
    if (this.#stop === undefined) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.#stop = { promise, resolve };
      begin();
    }
    return this.#stop.promise;
  }

  /** The runtime's own deadline has come: what still runs has little time left. */
  hurry(): void {
    this.#hurried = true;
  }

  /** A run is in progress, and is to end. */
  drainRun(): void {
    const { clock, shutdown, continuous, abort } = this.#options;
    this.#clear();
    const abortAndWait = (delay: number): void => {
      abort();
      if (delay !== Infinity) this.#deadline = clock.setTimeout(() => this.giveUp(), delay);
    };
    if (this.#hurried) abortAndWait(lastGrace);
    else if (continuous) abortAndWait(shutdown);
    else if (shutdown !== Infinity) this.#deadline = clock.setTimeout(() => abortAndWait(lastGrace), shutdown);
  }

  giveUp(): void {
    this.#options.onGivenUp();
    this.#stop?.resolve();
  }

  /** The child has ended. */
  ended(): void {
    this.#clear();
    this.#stop?.resolve();
  }

  /** It is started anew. */
  reset(): void {
    this.#stop = undefined;
    this.#hurried = false;
  }

  #clear(): void {
    if (this.#deadline !== undefined) this.#options.clock.clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}
