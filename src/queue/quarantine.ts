import type { Alarm } from "../alarms";
import type { Host } from "../supervision/host";

/** What one queue of the process says of itself. */
export interface Ward {
  /** How many of its tasks run. */
  running(): number;
  /** Whether tasks that nobody suspects wait for their turn. */
  hasOthers(): boolean;
  /** The process is free again. */
  wake(): void;
}

const quarantines = new WeakMap<Host, Quarantine>();

/**
 * Lets one queue have its whole process to itself, of all queues of a runtime: what a suspect kills then is itself. For a
 * while only; after that everybody else has as much time.
 */
export class Quarantine {
  readonly #host: Host;
  readonly #wards = new Set<Ward>();
  #holder: Ward | undefined;
  #heldSince = 0;
  #used = 0;
  #rest: Alarm | undefined;

  private constructor(host: Host) {
    this.#host = host;
  }

  static of(host: Host): Quarantine {
    const known = quarantines.get(host);
    if (known !== undefined) return known;
    const made = new Quarantine(host);
    quarantines.set(host, made);
    return made;
  }

  join(ward: Ward): void {
    this.#wards.add(ward);
  }

  leave(ward: Ward): void {
    this.release(ward, Infinity);
    this.#wards.delete(ward);
  }

  /** Whether tasks that nobody suspects may begin. */
  get isOpen(): boolean {
    return this.#holder === undefined;
  }

  /** Whether nothing runs in any queue. */
  get isQuiet(): boolean {
    return ![...this.#wards].some((ward) => ward.running() > 0);
  }

  /** From now on nothing begins but what the holder begins. False: not now; it is woken. */
  take(ward: Ward): boolean {
    if (this.#holder !== undefined || this.#rest !== undefined) return this.#holder === ward;
    this.#holder = ward;
    this.#heldSince = this.#host.clock.monotonic();
    return true;
  }

  /** @param most how long queues with other tasks may be held up, in milliseconds. */
  release(ward: Ward, most: number): void {
    if (this.#holder !== ward) return;
    this.#holder = undefined;
    // The others ask first.
    if (this.#wards.delete(ward)) this.#wards.add(ward);
    this.#used += this.#host.clock.monotonic() - this.#heldSince;
    const others = [...this.#wards].some((ward) => ward.hasOthers());
    if (!others) this.#used = 0;
    if (this.#used >= most) {
      this.#used = 0;
      this.#rest = this.#host.alarms.after(most, () => {
        this.#rest = undefined;
        this.#wake();
      });
    }
    this.#wake();
  }

  #wake(): void {
    for (const ward of [...this.#wards]) ward.wake();
  }
}
