/** A timer in a {@link TimerHeap}. */
export interface Timed {
  /** When it is due. */
  readonly at: number;
  /** Breaks ties: what was set first comes first. */
  readonly order: number;
  /** It is not to come out any more: it was cancelled, or has come out. */
  cancelled: boolean;
}

/** A binary heap by due time, then by order of insertion. Cancelled entries are dropped when they surface, or swept once they are most. */
export class TimerHeap<T extends Timed> {
  #items: T[] = [];
  #cancelled = 0;

  /** Entries that are still to come. */
  get size(): number {
    return this.#items.length - this.#cancelled;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#up(this.#items.length - 1);
  }

  cancel(item: T): void {
    if (item.cancelled) return;
    item.cancelled = true;
    this.#cancelled += 1;
    if (this.#cancelled > 64 && this.#cancelled > this.#items.length / 2) this.#sweep();
  }

  /** The next entry that was not cancelled. */
  peek(): T | undefined {
    while (this.#items[0]?.cancelled === true) {
      this.#takeFirst();
      this.#cancelled -= 1;
    }
    return this.#items[0];
  }

  pop(): T | undefined {
    const first = this.peek();
    if (first !== undefined) {
      this.#takeFirst();
      // Cancelling it later must not be counted.
      first.cancelled = true;
    }
    return first;
  }

  clear(): void {
    for (const item of this.#items) item.cancelled = true;
    this.#items = [];
    this.#cancelled = 0;
  }

  #sweep(): void {
    this.#items = this.#items.filter((item) => !item.cancelled).sort(before);
    this.#cancelled = 0;
  }

  #takeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#down(0);
  }

  #up(index: number): void {
    const items = this.#items;
    const item = items[index] as T;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] as T;
      if (before(above, item) <= 0) break;
      items[index] = above;
      index = parent;
    }
    items[index] = item;
  }

  #down(index: number): void {
    const items = this.#items;
    const item = items[index] as T;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= items.length) break;
      const right = child + 1;
      if (right < items.length && before(items[right] as T, items[child] as T) < 0) child = right;
      if (before(item, items[child] as T) <= 0) break;
      items[index] = items[child] as T;
      index = child;
    }
    items[index] = item;
  }
}

function before(a: Timed, b: Timed): number {
  return a.at - b.at || a.order - b.order;
}
