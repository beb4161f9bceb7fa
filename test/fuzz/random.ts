/** Texts that programs trip over. */
const odd = [
  ...[
    "",
    " ",
    "\0",
    "\n",
    "\u2028",
    "\ud800",
    "é",
    "💥",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "then",
  ],
  ...[
    "null",
    "NaN",
    "-1",
    "0",
    "1e999",
    "9007199254740993",
    "true",
    "[]",
    "{}",
    "../..",
    "/etc/passwd",
    "%",
    "%00",
    "%2e%2e",
  ],
  ...[
    "*",
    ">",
    "a.b",
    "$JS.API.INFO",
    "_INBOX.x",
    "60s",
    "1d",
    "0 9 * * *",
    "61 * * * *",
    "Europe/Paris",
    "2026-02-30",
  ],
  ...[
    "2999-01-01T00:00:00Z",
    "<script>",
    "'; drop",
    "--",
    "-",
    "--json",
    "@",
    "a@b",
    "nats://a:b@127.0.0.1:1",
    "file:",
    "memory",
  ],
];

/** A row of numbers, texts and values that its seed determines (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  text(most = 20): string {
    if (this.chance(0.5)) return this.pick(odd);
    const ranges = [0x80, 0x80, 0x80, 0x3000, 0x1_0000];
    return this.list(most, () => String.fromCharCode(this.below(this.pick(ranges)))).join("");
  }

  bytes(most = 60): Buffer {
    return Buffer.from(this.list(most, () => this.below(256)));
  }

  value(depth = 3): unknown {
    const kind = this.below(depth <= 0 ? 5 : 7);
    if (kind === 0) return null;
    if (kind === 1) return this.chance(0.5);
    if (kind === 2) return this.pick([0, -1, 0.5, 1e21, 1e300, 2 ** 53, Date.UTC(2999, 0), 60_000, this.below(1_000)]);
    if (kind < 5) return this.text();
    if (kind === 5) return this.list(4, () => this.value(depth - 1));
    return this.object(odd, depth);
  }

  /** Some of these fields, with any values; a field that is called `__proto__` is one like others. */
  object(fields: readonly string[], depth = 2): Record<string, unknown> {
    return Object.fromEntries(this.list(5, () => [this.pick(fields), this.value(depth - 1)]));
  }

  /** The text with something in it left out, doubled, replaced or cut off. */
  mutated(text: string): string {
    const at = this.below(text.length + 1);
    const to = Math.min(text.length, at + this.below(6));
    return this.pick([
      () => text.slice(0, at) + text.slice(to),
      () => text.slice(0, at),
      () => text.slice(0, to) + text.slice(at),
      () => text.slice(0, at) + this.text(4) + text.slice(to),
    ])();
  }
}
