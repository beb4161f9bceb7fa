/**
 * Which watches a key concerns, at the cost of one look-up for every distinct length of prefix, however many watches
 * there are. `version` changes with every addition and removal, so that an answer can be kept beside a key.
 */
export class WatchIndex<W> {
  version = 0;
  private readonly byPrefix = new Map<string, W[]>();
  private readonly perLength = new Map<number, number>();
  private lengths: number[] = [];

  get isEmpty(): boolean {
    return this.byPrefix.size === 0;
  }

  add(prefix: string, watch: W): void {
    const watches = this.byPrefix.get(prefix);
    this.byPrefix.set(prefix, watches ? [...watches, watch] : [watch]);
    if (!watches) this.count(prefix.length, 1);
    this.version += 1;
  }

  remove(prefix: string, watch: W): void {
    const rest = this.byPrefix.get(prefix)?.filter((other) => other !== watch);
    if (!rest) return;
    if (rest.length > 0) {
      this.byPrefix.set(prefix, rest);
    } else {
      this.byPrefix.delete(prefix);
      this.count(prefix.length, -1);
    }
    this.version += 1;
  }

  concerning(key: string): readonly W[] {
    let found: readonly W[] = [];
    for (const length of this.lengths) {
      if (length > key.length) break;
      const watches = this.byPrefix.get(key.slice(0, length));
      if (watches) found = found.length > 0 ? [...found, ...watches] : watches;
    }
    return found;
  }

  all(): W[] {
    return [...this.byPrefix.values()].flat();
  }

  clear(): void {
    this.byPrefix.clear();
    this.perLength.clear();
    this.lengths = [];
    this.version += 1;
  }

  private count(length: number, change: number): void {
    const left = (this.perLength.get(length) ?? 0) + change;
    if (left > 0) this.perLength.set(length, left);
    else this.perLength.delete(length);
    this.lengths = [...this.perLength.keys()].sort((a, b) => a - b);
  }
}
