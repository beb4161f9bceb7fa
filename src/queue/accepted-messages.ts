import { fingerprint } from "../identity";
import { isCopy, waitedTogether, type IntakeMark } from "../rules/queue-record";

/** Some 200 bytes each. */
const mostRemembered = 50_000;

/** What was done for the last message about an id. */
export interface Accepted {
  readonly kind: "assign" | "remove";
  readonly result: string;
  readonly mark: IntakeMark;
}

interface Saved {
  v: 1;
  removals: [number, number][];
  accepted: [string, Accepted["kind"], string, IntakeMark][];
}

/**
 * Remembers the last message about each id that was accepted, so that a copy of it is answered and not worked on again.
 * A different message about the id in between makes an equal one count anew. Beyond the limit the oldest go first.
 */
export class AcceptedMessages {
  readonly #accepted = new Map<string, Accepted>();
  /** By store: how many announcements of removals were known when all of this was accepted. */
  readonly #removals = new Map<number, number>();
  readonly #limit: number;

  constructor(limit = mostRemembered) {
    this.#limit = limit;
  }

  /** What was done for the message that this one is a copy of; `sure` where they waited together. */
  find(id: string, kind: string, mark: IntakeMark, window: number): (Accepted & { isSure: boolean }) | undefined {
    const key = keyOf(id);
    const accepted = this.#accepted.get(key);
    if (accepted?.kind !== kind || !isCopy(mark, accepted.mark, window)) return undefined;
    const isSure = waitedTogether(mark, accepted.mark);
    if (isSure) {
      // Whoever repeats while the first waits may do so once more after that.
      const published = Math.max(accepted.mark.published ?? 0, mark.published ?? 0);
      this.#put(key, { ...accepted, mark: { ...accepted.mark, published } });
    }
    return { ...accepted, isSure };
  }

  /** The last message about the id, if it has this content, whenever it came. */
  last(id: string, content: string): Accepted | undefined {
    const accepted = this.#accepted.get(keyOf(id));
    return accepted?.mark.content === content ? accepted : undefined;
  }

  remember(id: string, accepted: Accepted): void {
    this.#put(keyOf(id), accepted);
    for (const oldest of this.#accepted.keys()) {
      if (this.#accepted.size <= this.#limit) break;
      this.#accepted.delete(oldest);
    }
  }

  /** Tasks that were accepted may have been removed since: with another count than before, all is forgotten. */
  seeRemovals(shard: number, count: number): void {
    if (this.#removals.get(shard) === count) return;
    this.#accepted.clear();
    this.#removals.set(shard, count);
  }

  /** The newest of it as text, for the process that accepts next. */
  save(most: number): string {
    const newest = [...this.#accepted].slice(-most);
    const accepted = newest.map(([key, { kind, result, mark }]) => [key, kind, result, mark] as const);
    return JSON.stringify({ v: 1, removals: [...this.#removals], accepted });
  }

  /** A text that `save` did not make is left alone. */
  load(text: string): void {
    try {
      const { v, removals, accepted } = JSON.parse(text) as Saved;
      if (v !== 1) return;
      for (const [shard, count] of removals) this.#removals.set(shard, count);
      for (const [key, kind, result, mark] of accepted)
        if (typeof mark.sequence === "number") this.#put(key, { kind, result, mark });
    } catch {
      this.#accepted.clear();
      this.#removals.clear();
    }
  }

  #put(key: string, accepted: Accepted): void {
    this.#accepted.delete(key);
    this.#accepted.set(key, accepted);
  }
}

/** Short ids as they are, which costs least. */
const keyOf = (id: string): string => (id.length <= 40 ? `=${id}` : `#${fingerprint(id)}`);
