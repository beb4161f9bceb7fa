import { test } from "uvu";
import * as assert from "uvu/assert";
import { backoffDelay, parseRetry } from "../../src/rules/backoff";

test("left out, the defaults are 1s, 5m, 2, 0.2 and no limit", () => {
  assert.equal(parseRetry("retry", undefined), {
    initialDelay: 1_000,
    maxDelay: 300_000,
    factor: 2,
    jitter: 0.2,
    limit: Infinity,
  });
});

test("the wait doubles from the initial delay to the longest one", () => {
  const retry = parseRetry("retry", { initialDelay: "1s", maxDelay: "10s", jitter: 0 });
  const waits = [1, 2, 3, 4, 5, 6].map((failures) => backoffDelay(retry, failures, 0.5));
  assert.equal(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test("jitter spreads both ways and never past maxDelay × (1 + jitter)", () => {
  const retry = parseRetry("retry", { initialDelay: 1_000, maxDelay: 1_000 });
  assert.is(backoffDelay(retry, 1, 0), 800);
  assert.is(backoffDelay(retry, 1, 0.5), 1_000);
  assert.ok(backoffDelay(retry, 9, 0.999_999) <= 1_200);
});

test("a million failures overflow nothing", () => {
  const retry = parseRetry("retry", { factor: 1e300, jitter: 0 });
  assert.is(backoffDelay(retry, 1_000_000, 0), 300_000);
  assert.is(backoffDelay(parseRetry("retry", { initialDelay: 0 }), 1_000_000, 0.7), 0);
});

test("an initial delay past five minutes raises the default of maxDelay", () => {
  assert.is(parseRetry("retry", { initialDelay: "10m" }).maxDelay, 600_000);
});

const refusals: [object | null | string, RegExp][] = [
  [{ factor: 0.5 }, /^retry\.factor: /],
  [{ factor: Infinity }, /^retry\.factor: /],
  [{ jitter: 1.1 }, /^retry\.jitter: /],
  [{ jitter: NaN }, /^retry\.jitter: /],
  [{ limit: -1 }, /^retry\.limit: /],
  [{ limit: 1.5 }, /^retry\.limit: /],
  [{ initialDelay: -1 }, /^retry\.initialDelay: /],
  [{ initialDelay: "soon" }, /^retry\.initialDelay: /],
  [{ initialDelay: "5s", maxDelay: "1s" }, /^retry\.maxDelay: /],
  [{ delay: 1 }, /^retry: there is no option "delay"/],
  [null, /^retry: /],
  ["3", /^retry: /],
];

for (const [given, message] of refusals) {
  test(`${JSON.stringify(given)} is refused with the option named (${String(message)})`, () => {
    assert.throws(() => parseRetry("retry", given), message);
  });
}

test.run();
