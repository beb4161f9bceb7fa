const CHUNK = 512;

/**
 * Keys in order, so that those under a prefix are found without looking at the others. Kept as a list of short sorted
 * lists: adding or removing moves at most one of them.
 */
export class SortedKeys {
  private readonly chunks: string[][] = [];

  add(key: string): void {
    const { chunks } = this;
    const index = Math.max(0, this.chunkOf(key));
    const chunk = chunks[index];
    if (!chunk) {
      chunks.push([key]);
      return;
    }
    const at = lowerBound(chunk, key);
    if (at === chunk.length) chunk.push(key);
    else chunk.splice(at, 0, key);
    if (chunk.length > CHUNK) {
      // A list that only grows at its end keeps full chunks behind it.
      chunks.splice(index + 1, 0, chunk.splice(at === chunk.length - 1 ? CHUNK : CHUNK / 2));
    }
  }

  remove(key: string): void {
    const index = this.chunkOf(key);
    const chunk = this.chunks[index];
    if (!chunk) return;
    const at = lowerBound(chunk, key);
    if (chunk[at] !== key) return;
    chunk.splice(at, 1);
    if (chunk.length === 0) this.chunks.splice(index, 1);
  }

  *under(prefix: string): Generator<string> {
    let index = Math.max(0, this.chunkOf(prefix));
    let at = lowerBound(this.chunks[index] ?? [], prefix);
    for (; index < this.chunks.length; index += 1, at = 0) {
      const chunk = this.chunks[index] ?? [];
      for (; at < chunk.length; at += 1) {
        const key = chunk[at] ?? "";
        if (!key.startsWith(prefix)) return;
        yield key;
      }
    }
  }

  /** The last chunk that begins at or before the key; -1 if all begin after it. */
  private chunkOf(key: string): number {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.chunks[middle]?.[0] ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
