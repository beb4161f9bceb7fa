/** Where a task stands, in the place of its bucket's number, which is never negative. */
const ready = -1;
const out = -2;
const parked = -3;
const free = -4;
const none = -1;
const smallest = 64;

export interface PutOptions {
  /** Its partition is being loaded. */
  parked: boolean;
  round: number;
  /** What the clock showed that its time was computed from. */
  timed?: number | undefined;
}

/**
 * When each of very many tasks wants to be woken, and nothing else about them: about 140 bytes a task beside its key.
 *
 * A task waits in a bucket that ends at or after its time, so that what a bucket holds is due when the bucket is, and
 * nothing is woken early (`I4`). Due buckets are emptied oldest first into one queue, each in the order in which its
 * tasks were written (`I6`). What was taken is out until it is put back. Tasks of a partition that is being loaded are
 * parked: not to be taken before all of it is known.
 */
export class DueIndex {
  readonly #bucket: number;
  readonly #slots = new Map<string, number>();
  readonly #keys: (string | undefined)[] = [];
  /** By slot: the bucket's number or one of the places above; the same that a parked task is to have. */
  #place = new Float64Array(smallest);
  #parkedFor = new Float64Array(smallest);
  #revision = new Float64Array(smallest);
  #next = new Int32Array(smallest);
  #previous = new Int32Array(smallest);
  #partition = new Uint16Array(smallest);
  #round = new Uint8Array(smallest);
  #timed = new Float64Array(smallest);
  #firstFree = none;
  /** The first task of each bucket; none when all have left it, until its time comes. */
  readonly #heads = new Map<number, number>();
  /** The numbers of the buckets, as a binary heap. */
  readonly #order: number[] = [];
  #readyHead = none;
  #readyTail = none;
  #readyCount = 0;

  /** @param bucket milliseconds of one bucket. */
  constructor(bucket: number) {
    this.#bucket = bucket;
  }

  /** All that is known, taken ones included. */
  get size(): number {
    return this.#slots.size;
  }

  /** Those whose time has come and that nobody has taken. */
  get ready(): number {
    return this.#readyCount;
  }

  /** The revision at which the task was put last. */
  revisionOf(key: string): number | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#revision[slot];
  }

  isOut(key: string): boolean {
    const slot = this.#slots.get(key);
    return slot !== undefined && this.#place[slot] === out;
  }

  /** Adds the task, or moves it. One that is out comes back. */
  put(key: string, partition: number, wakeAt: number, revision: number, how: PutOptions): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) this.#slots.set(key, (slot = this.#newSlot(key)));
    else this.#unlink(slot);
    this.#partition[slot] = partition;
    this.#revision[slot] = revision;
    this.#round[slot] = how.round;
    this.#timed[slot] = how.timed ?? 0;
    const bucket = Math.max(0, Math.ceil(wakeAt / this.#bucket));
    if (how.parked) {
      this.#place[slot] = parked;
      this.#parkedFor[slot] = bucket;
    } else this.#await(slot, bucket);
  }

  /** The task was delivered again, as it is known. */
  confirm(key: string, round: number): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#round[slot] = round;
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#unlink(slot);
    this.#slots.delete(key);
    this.#keys[slot] = undefined;
    this.#place[slot] = free;
    this.#next[slot] = this.#firstFree;
    this.#firstFree = slot;
  }

  /**
   * All of the partition is known: what was parked waits from now on, what was not delivered in this round is gone.
   * Returns how many those were.
   */
  loaded(partition: number, round: number): number {
    let gone = 0;
    this.#each(partition, (slot, key) => {
      if (this.#round[slot] !== round) {
        this.delete(key);
        gone += 1;
      } else if (this.#place[slot] === parked) this.#await(slot, this.#parkedFor[slot] as number);
    });
    return gone;
  }

  /** Forgets all of the partition. */
  drop(partition: number): void {
    this.#each(partition, (_slot, key) => this.delete(key));
  }

  /** How many tasks of the partition are known. */
  count(partition: number): number {
    let count = 0;
    this.#each(partition, () => (count += 1));
    return count;
  }

  /** When the next bucket is due, in milliseconds of the wall; undefined when nothing waits. */
  get nextAt(): number | undefined {
    while (this.#order.length > 0) {
      const bucket = this.#order[0] as number;
      if (this.#heads.get(bucket) !== none) return bucket * this.#bucket;
      this.#heads.delete(bucket);
      popLeast(this.#order);
    }
    return undefined;
  }

  /** Makes ready what is due at this time of the wall. */
  wake(now: number): void {
    for (let at = this.nextAt; at !== undefined && at <= now; at = this.nextAt) {
      const bucket = popLeast(this.#order) as number;
      const slots: number[] = [];
      for (let slot = this.#heads.get(bucket) as number; slot !== none; slot = this.#next[slot] as number)
        slots.push(slot);
      this.#heads.delete(bucket);
      slots.sort((a, b) => (this.#revision[a] as number) - (this.#revision[b] as number));
      for (const slot of slots) this.#makeReady(slot);
    }
  }

  /** Makes ready what waits for a time that was computed from a reading of the clock later than this one. */
  recall(timed: number): void {
    for (let slot = 0; slot < this.#keys.length; slot += 1) {
      if ((this.#timed[slot] as number) <= timed || (this.#place[slot] as number) < 0) continue;
      this.#unlink(slot);
      this.#makeReady(slot);
    }
  }

  /** Takes the first that is ready; it is out until it is put or deleted. */
  take(): { key: string; partition: number; revision: number } | undefined {
    return this.#readyHead === none ? undefined : this.#takeSlot(this.#readyHead);
  }

  /** Takes this one, if it is ready. */
  takeReady(key: string): { key: string; partition: number; revision: number } | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined || this.#place[slot] !== ready ? undefined : this.#takeSlot(slot);
  }

  #takeSlot(slot: number): { key: string; partition: number; revision: number } {
    this.#unlink(slot);
    this.#place[slot] = out;
    const key = this.#keys[slot] as string;
    return { key, partition: this.#partition[slot] as number, revision: this.#revision[slot] as number };
  }

  #each(partition: number, visit: (slot: number, key: string) => void): void {
    for (let slot = 0; slot < this.#keys.length; slot += 1) {
      const key = this.#keys[slot];
      if (key !== undefined && this.#partition[slot] === partition) visit(slot, key);
    }
  }

  #await(slot: number, bucket: number): void {
    const head = this.#heads.get(bucket) ?? none;
    if (head !== none) this.#previous[head] = slot;
    else if (!this.#heads.has(bucket)) pushLeast(this.#order, bucket);
    this.#next[slot] = head;
    this.#previous[slot] = none;
    this.#place[slot] = bucket;
    this.#heads.set(bucket, slot);
  }

  #makeReady(slot: number): void {
    this.#place[slot] = ready;
    this.#previous[slot] = this.#readyTail;
    this.#next[slot] = none;
    if (this.#readyTail === none) this.#readyHead = slot;
    else this.#next[this.#readyTail] = slot;
    this.#readyTail = slot;
    this.#readyCount += 1;
  }

  #unlink(slot: number): void {
    const place = this.#place[slot] as number;
    if (place < ready) return;
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (next !== none) this.#previous[next] = previous;
    if (previous !== none) this.#next[previous] = next;
    if (place === ready) {
      if (previous === none) this.#readyHead = next;
      if (next === none) this.#readyTail = previous;
      this.#readyCount -= 1;
    } else if (previous === none) this.#heads.set(place, next);
  }

  #newSlot(key: string): number {
    let slot = this.#firstFree;
    if (slot === none) {
      slot = this.#keys.length;
      if (slot === this.#place.length) this.#grow();
      this.#keys.push(key);
    } else {
      this.#firstFree = this.#next[slot] as number;
      this.#keys[slot] = key;
    }
    this.#place[slot] = free;
    return slot;
  }

  #grow(): void {
    const size = this.#place.length * 2;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#place = grown(new Float64Array(size), this.#place);
    this.#parkedFor = grown(new Float64Array(size), this.#parkedFor);
    this.#revision = grown(new Float64Array(size), this.#revision);
    this.#next = grown(new Int32Array(size), this.#next);
    this.#previous = grown(new Int32Array(size), this.#previous);
    this.#partition = grown(new Uint16Array(size), this.#partition);
    this.#round = grown(new Uint8Array(size), this.#round);
    this.#timed = grown(new Float64Array(size), this.#timed);
  }
}

function pushLeast(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if ((heap[above] as number) <= value) break;
    heap[at] = heap[above] as number;
    at = above;
  }
  heap[at] = value;
}

function popLeast(heap: number[]): number | undefined {
  const least = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return least;
  let at = 0;
  for (let below = 1; below < heap.length; below = 2 * at + 1) {
    const right = heap[below + 1];
    if (right !== undefined && right < (heap[below] as number)) below += 1;
    if ((heap[below] as number) >= last) break;
    heap[at] = heap[below] as number;
    at = below;
  }
  heap[at] = last;
  return least;
}
