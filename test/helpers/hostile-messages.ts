const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const text = (value: unknown): string => JSON.stringify(value);

/** Bodies that no queue can accept as an assignment, each for a reason of its own. */
const kinds: readonly ((n: number) => string | Uint8Array)[] = [
  () => "",
  () => " ",
  () => "null",
  () => "true",
  () => "42",
  () => '"a text"',
  () => "[]",
  (n) => text([{ id: `in an array ${String(n)}`, payload: 1 }]),
  () => "{}",
  () => "{",
  (n) => `{"id":"cut off ${String(n)}","payload":`,
  (n) => `{"id":"single",'payload':${String(n)}}`,
  () => "NaN",
  () => "undefined",
  (n) => `{"id":"trailing","payload":${String(n)},}`,
  (n) => `{"id":"two","payload":${String(n)}}{"id":"three","payload":1}`,
  () => Uint8Array.from([0xff, 0xfe, 0xfd]),
  () => Buffer.concat([Buffer.from('{"id":"'), Uint8Array.from([0xc3, 0x28]), Buffer.from('","payload":1}')]),
  () => Uint8Array.from({ length: 256 }, (_, index) => index),
  () => "\u0000".repeat(100),
  () => deep(20_000),
  () => `{"id":${deep(5_000)},"payload":1}`,
  (n) => text({ id: n, payload: 1 }),
  () => text({ id: null, payload: 1 }),
  () => text({ id: "", payload: 1 }),
  () => text({ id: "é".repeat(257), payload: 1 }),
  () => text({ id: "x".repeat(10_000), payload: 1 }),
  () => '{"id":"half a pair \\ud800","payload":1}',
  () => text({ payload: 1 }),
  (n) => text({ id: `no payload ${String(n)}` }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: "tomorrow" }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: 1e300 }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: 0.5 }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: {} }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: null }),
  (n) => text({ id: `at ${String(n)}`, payload: 1, at: n % 2 ? "2026-02-30T09:00:00Z" : "2026-02-28T09:00" }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: 0 }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: -1 }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: "soon" }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: 1e21 }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: [60_000] }),
  (n) => text({ id: `every ${String(n)}`, payload: 1, every: "60s", cron: "* * * * *" }),
  (n) => text({ id: `cron ${String(n)}`, payload: 1, cron: "61 * * * *" }),
  (n) => text({ id: `cron ${String(n)}`, payload: 1, cron: "0 0 30 2 *" }),
  (n) => text({ id: `cron ${String(n)}`, payload: 1, cron: `${"*".repeat(5_000)} * * * *` }),
  (n) => text({ id: `cron ${String(n)}`, payload: 1, cron: 5 }),
  (n) => text({ id: `zone ${String(n)}`, payload: 1, cron: "* * * * *", timeZone: "../../etc/passwd" }),
  (n) => text({ id: `zone ${String(n)}`, payload: 1, timeZone: "UTC" }),
  (n) => text({ id: `more ${String(n)}`, payload: 1, priority: 9 }),
  (n) => `{"id":"proto ${String(n)}","payload":1,"__proto__":{"every":1}}`,
  (n) => `{"id":"overflow ${String(n)}","payload":1e999}`,
  (n) => `{"id":"overflow ${String(n)}","payload":[{"a":[-1E+400]}]}`,
  (n) => `{"id":"overflow ${String(n)}","payload":${"9".repeat(400)}}`,
  (n) => `{"id":"overflow ${String(n)}","payload":1,"at":1e999}`,
  (n) => `{"id":"twice ${String(n)}","payload":1,"id":null}`,
  (n) => `{"id":"proto ${String(n)}","payload":1,"constructor":{"prototype":{}}}`,
  () => '{"__proto__":{"id":"inherited","payload":1}}',
  () => '{"id":"other half \\udc00","payload":1}',
  () => "\ufeff{}",
  () => Uint8Array.from([0xed, 0xa0, 0x80]),
  () => Buffer.concat([Buffer.from('{"id":"cut'), Uint8Array.from([0xf0, 0x9f, 0x98])]),
  (n) => text({ id: `<script>alert(${String(n)})</script>`, payload: 1, at: "<img src=x onerror=alert(1)>" }),
];

/** The same, larger than is worth sending often. */
const huge: typeof kinds = [
  () => "[".repeat(100_000),
  () => `{"id":"deep","payload":${deep(100_000)}}`,
  () => `{"a":`.repeat(50_000),
  () => `{"id":"long","payload":1,"${"x".repeat(900_000)}":1}`,
];

/** So many of them, one kind after another, and first the huge ones. */
export function* hostileMessages(count: number): Generator<string | Uint8Array> {
  const all = [...huge, ...kinds];
  for (let index = 0; index < count; index += 1) {
    const of = index < all.length ? all : kinds;
    yield (of[index % of.length] as (typeof kinds)[0])(index);
  }
}
