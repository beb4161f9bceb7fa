import * as assert from "uvu/assert";
import { systemClock } from "ostinato";

/** The timing that a chaos run goes by, in milliseconds. */
export const timing = {
  lease: 2_000,
  bucket: 100,
  work: 20,
  /** Time for a message from one process to another on a busy machine. */
  slack: 500,
  /**
   * A holder whose renewal has no answer within a quarter of its lease loses it. It may have waited twice: until it had
   * time to ask, and for the answer. What takes half of that is trouble.
   */
  soon: 250,
} as const;

export interface Run {
  readonly worker: string;
  readonly at: number;
}

interface Fault {
  /** Undefined: a fault of the servers. */
  readonly worker: string | undefined;
  readonly what: string;
  readonly from: number;
  until: number;
}

/** The last acknowledged definition of one id. */
export interface Known {
  /** Its due time; undefined once it has been removed. */
  due: number | undefined;
  /** When the definition was acknowledged. */
  since: number;
  readonly every: boolean;
  /** A call had no answer and was repeated, so an earlier copy may have run. */
  isUncertain: boolean;
  /** The milliseconds within a period at which any of its definitions was due. */
  readonly phases: Set<number>;
}

const now = (): number => systemClock.now();

/** Every run that the workers reported, by id and due time, and every fault that was injected. */
export class History {
  readonly runs = new Map<string, Map<number, Run[]>>();
  readonly faults: Fault[] = [];
  /** What workers measured themselves: until then they could not write to the servers soon. */
  readonly #troubles: Fault[] = [];
  /** When the servers last lost everything they had stored. */
  #wipedAt = -Infinity;

  note(worker: string, reported: readonly (readonly [id: string, due: number, at: number, attempt: number])[]): void {
    for (const [id, due, at] of reported) {
      const ofId = this.runs.get(id) ?? new Map<number, Run[]>();
      this.runs.set(id, ofId);
      ofId.set(due, [...(ofId.get(due) ?? []), { worker, at }]);
    }
  }

  async during(worker: string | undefined, what: string, body: () => Promise<void>): Promise<void> {
    const fault: Fault = { worker, what, from: now(), until: Infinity };
    this.faults.push(fault);
    await body();
    fault.until = now();
  }

  trouble(worker: string, from: number, until: number): void {
    this.#troubles.push({ worker, what: "trouble", from, until });
  }

  /** How long there had been neither a fault nor trouble of any worker when it ran again for the first time since. */
  servedAfter(id: string, faultsEnded: number): number {
    const first = this.firstRunSince(id, faultsEnded);
    if (first === undefined) return Infinity;
    const began = this.#troubles.filter(({ from }) => from <= first);
    return first - Math.min(first, Math.max(faultsEnded, ...began.map(({ until }) => until)));
  }

  wiped(): void {
    this.#wipedAt = now();
  }

  /** Whether a run after `after` has been reported. */
  hasRunSince(id: string, after: number): boolean {
    return this.firstRunSince(id, after) !== undefined;
  }

  firstRunSince(id: string, after: number): number | undefined {
    const all = [...(this.runs.get(id)?.values() ?? [])].flat().filter(({ at }) => at > after);
    return all.length === 0 ? undefined : Math.min(...all.map(({ at }) => at));
  }

  /**
   * Nothing acknowledged is lost, nothing that was removed runs, and nothing runs again unless a fault may have kept the
   * end of the earlier run out of the store.
   */
  check(known: ReadonlyMap<string, Known>): void {
    for (const [id, { due, since, every, isUncertain }] of known) {
      const runs = this.runs.get(id) ?? new Map<number, Run[]>();
      const survives = since > this.#wipedAt + timing.slack;
      if (due !== undefined && !every && survives) assert.ok((runs.get(due)?.length ?? 0) > 0, `${id} was lost`);
      if (due === undefined && survives) {
        const late = [...runs.values()].flat().filter(({ at }) => at > since + timing.slack);
        assert.ok(late.length === 0, `${id} ran ${(late[0]?.at ?? 0) - since} ms after it was removed`);
      }
      for (const [time, ofTime] of runs) {
        if (ofTime.length < 2 || isUncertain) continue;
        ofTime.sort((a, b) => a.at - b.at);
        for (const [number, next] of ofTime.slice(1).entries()) {
          const run = ofTime[number] as Run;
          assert.ok(this.#excuses(run, next), `${id} ran again for ${time} although ${run.worker} had no fault`);
        }
      }
    }
  }

  summary(known: ReadonlyMap<string, Known>): string {
    const all = [...this.runs.values()].flatMap((ofId) => [...ofId.values()]);
    const again = all.filter((each) => each.length > 1).length;
    const ran = all.reduce((sum, { length }) => sum + length, 0);
    const trouble = this.#troubles.length;
    return `${this.faults.length} faults, ${trouble} times of trouble, ${known.size} tasks, ${ran} runs, ${again} of them again`;
  }

  /** Whether a fault, or trouble until the next run, may have kept this run from being recorded. */
  #excuses({ worker, at }: Run, next: Run): boolean {
    const from = at - timing.slack;
    // A worker retries the write of a run's end for as long as its lease lasts.
    const until = at + timing.work + timing.lease + timing.slack;
    const meets = (fault: Fault, last: number): boolean =>
      (fault.worker === undefined || fault.worker === worker) && fault.from <= last && fault.until >= from;
    return this.faults.some((fault) => meets(fault, until)) || this.#troubles.some((each) => meets(each, next.at));
  }
}
