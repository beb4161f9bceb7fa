import type { Alarm } from "../alarms";
import type { Suspect } from "../rules/attempts";
import { nextGroup, patienceFor } from "../rules/suspects";
import type { Host } from "../supervision/host";
import type { AssignedRun } from "./assigned-run";
import type { Job } from "./job";
import type { QueueSettings } from "./options";
import { Quarantine, type Ward } from "./quarantine";

/** A suspect that is due. */
export interface Held extends Suspect {
  readonly key: string;
  readonly revision: number;
  readonly partition: Job["partition"];
}

export interface TrialWard extends Ward {
  /** False: it cannot begin now, and has been put elsewhere. */
  mayBegin(held: Held): boolean;
}

/** A suspect whose turn it is, in a group of so many; 0: among others. */
export type Trial = Held & { readonly group: number };

/**
 * What the process does for suspects: nothing; it waits until nothing runs; it runs a group alone; or it writes down that
 * a group has outlasted its time.
 */
type Phase = "idle" | "gathering" | "trying" | "outlasting";

/**
 * Runs the suspects of one queue, one group after the other, each with the process to itself. Where that does not fall
 * quiet within a lease, because something hangs, the group runs among others.
 */
export class Trials {
  readonly #host: Host;
  readonly #settings: Pick<QueueSettings, "lease" | "concurrency">;
  readonly #ward: TrialWard;
  readonly #quarantine: Quarantine;
  readonly #waiting = new Map<string, Held>();
  /** Members of the present group that are to begin, and those that have been given out. */
  #next: Trial[] = [];
  readonly #out = new Map<string, AssignedRun>();
  #phase: Phase = "idle";
  #deadline: Alarm | undefined;
  #isTooLate = false;

  constructor(host: Host, settings: Pick<QueueSettings, "lease" | "concurrency">, ward: TrialWard) {
    this.#host = host;
    this.#settings = settings;
    this.#ward = ward;
    this.#quarantine = Quarantine.of(host);
    this.#quarantine.join(ward);
  }

  /** Suspects that are due and wait for their turn. */
  get waiting(): number {
    return this.#waiting.size + this.#next.length;
  }

  /** Whether tasks that nobody suspects may begin. */
  get isOpen(): boolean {
    return this.#quarantine.isOpen;
  }

  admit(held: Held): void {
    this.#waiting.set(held.key, held);
  }

  /** It has changed, or is gone. */
  forget(key: string): void {
    this.#waiting.delete(key);
    this.#next = this.#next.filter((each) => each.key !== key);
    this.#endIfOver();
  }

  /** The partition is not ours any more. */
  leave(partition: Job["partition"]): void {
    for (const [key, held] of this.#waiting) if (held.partition === partition) this.#waiting.delete(key);
    this.#next = this.#next.filter((each) => each.partition !== partition);
    this.#endIfOver();
  }

  /** The suspect that is to begin now, if one is. */
  take(): Trial | undefined {
    const mayGather = (this.#phase === "idle" || this.#phase === "gathering") && this.#next.length === 0;
    if (mayGather && this.#waiting.size > 0 && this.#quarantine.take(this.#ward)) this.#gather();
    for (let trial = this.#next.shift(); trial !== undefined; trial = this.#next.shift()) {
      if (this.#ward.mayBegin(trial)) return trial;
    }
    this.#endIfOver();
    return undefined;
  }

  began({ key, group }: Trial, run: AssignedRun): void {
    if (group > 0) this.#out.set(key, run);
  }

  ended(key: string): void {
    if (this.#out.delete(key)) this.#endIfOver();
  }

  close(): void {
    this.#waiting.clear();
    this.#next = [];
    this.#deadline?.cancel();
    this.#quarantine.leave(this.#ward);
  }

  /** Waits until nothing runs; then the next group is chosen. */
  #gather(): void {
    this.#phase = "gathering";
    const isAlone = this.#quarantine.isQuiet;
    if (!isAlone && !this.#isTooLate) {
      this.#deadline ??= this.#host.alarms.after(this.#settings.lease, () => {
        this.#deadline = undefined;
        this.#isTooLate = true;
        this.#ward.wake();
      });
      return;
    }
    const group = nextGroup([...this.#waiting.values()], this.#settings.concurrency);
    for (const { key } of group) this.#waiting.delete(key);
    this.#next = group.map((held) => ({ ...held, group: isAlone ? group.length : 0 }));
    if (!isAlone) {
      this.#finish();
      return;
    }
    this.#deadline?.cancel();
    this.#isTooLate = false;
    this.#phase = "trying";
    this.#deadline = this.#host.alarms.after(patienceFor(group, this.#settings.lease), () => this.#outlasted());
  }

  /** The group goes on among others. */
  #outlasted(): void {
    this.#deadline = undefined;
    this.#phase = "outlasting";
    const runs = [...this.#out.values()];
    this.#out.clear();
    for (const held of this.#next) this.admit(held);
    this.#next = [];
    void Promise.all(runs.map((run) => run.outlast())).then(() => this.#finish());
  }

  /** The process is free again once no suspect is left that it is kept for. */
  #endIfOver(): void {
    const isUnwanted = this.#phase === "gathering" && this.#waiting.size === 0;
    const isTried = this.#phase === "trying" && this.#next.length === 0 && this.#out.size === 0;
    if (isUnwanted || isTried) this.#finish();
  }

  #finish(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#isTooLate = false;
    this.#phase = "idle";
    this.#quarantine.release(this.#ward, this.#settings.lease);
  }
}
