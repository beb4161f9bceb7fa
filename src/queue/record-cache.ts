interface Cached {
  readonly revision: number;
  readonly value: string;
}

/**
 * The records of tasks that are due soon, as they were last heard of, so that they need not be read again: up to a
 * number of characters, the oldest going first. What is not in it is read when it is due.
 */
export class RecordCache {
  readonly #limit: number;
  readonly #records = new Map<string, Cached>();
  #characters = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  put(key: string, value: string, revision: number): void {
    this.delete(key);
    if (value.length > this.#limit) return;
    this.#records.set(key, { value, revision });
    this.#characters += key.length + value.length;
    // The first key of a map is found by walking over those that were deleted before it: not for each record.
    if (this.#characters > this.#limit) this.#makeRoom();
  }

  /** A tenth of the limit becomes free. */
  #makeRoom(): void {
    for (const oldest of this.#records.keys()) {
      if (this.#characters <= 0.9 * this.#limit) return;
      this.delete(oldest);
    }
  }

  /** The record at this revision, which is forgotten: whoever takes it will write a newer one. */
  take(key: string, revision: number): string | undefined {
    const cached = this.#records.get(key);
    if (cached === undefined) return undefined;
    this.delete(key);
    return cached.revision === revision ? cached.value : undefined;
  }

  delete(key: string): void {
    const cached = this.#records.get(key);
    if (cached === undefined) return;
    this.#records.delete(key);
    this.#characters -= key.length + cached.value.length;
  }
}
