import vm from "node:vm";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededRandom } from "../../src/identity";
import { cut, plainOf, textOf, toError, unreadKind, whenSettled } from "../../src/foreign";
import { quoted, requireName } from "../../src/validate";
import { hostileValue } from "../helpers/hostile-values";

// The values hold promises that reject, which nobody waits for here.
process.on("unhandledRejection", () => undefined);

const fail = (): never => {
  throw new Error("read by a stranger");
};

test("an error that is small and plain is returned itself, whatever its class", () => {
  class Payment extends Error {
    readonly status = 402;
    constructor(readonly code: string) {
      super("not paid");
    }
  }
  const known = [
    new Error("e"),
    new TypeError("t", { cause: new Error("c") }),
    new Payment("E_PAY"),
    new AggregateError([new Error("1"), new Error("2")], "both"),
    new DOMException("away", "AbortError"),
    Object.assign(new Error("with fields"), { syscall: "read", errno: -2, path: "/a", at: new Date(0) }),
  ];
  for (const error of known) assert.is(toError(error), error);
});

test("a copy is returned itself, although it is larger than what is returned as it is", () => {
  let deep = new Error("bottom");
  for (let level = 0; level < 5; level += 1) deep = new Error(`level ${String(level)}`, { cause: deep });
  const wide = Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${String(index)}`, index]));
  for (const given of [new AggregateError([deep], "several"), new Error("wide", { cause: wide })]) {
    const copy = toError(Object.defineProperty(given, "hidden", { get: fail, enumerable: true }));
    assert.is.not(copy, given);
    assert.is(toError(copy), copy);
    Object.defineProperty(copy, "added", { get: fail, enumerable: true });
    assert.is.not(toError(copy), copy, "what was added since may hurt");
  }
});

test("an error that may hurt its readers becomes a bounded copy of the same class", () => {
  class Reading extends RangeError {
    override get message(): string {
      return fail();
    }
  }
  const cyclic = new Error("cyclic");
  cyclic.cause = cyclic;
  let deep = new Error("bottom");
  for (let level = 0; level < 10_000; level++) deep = new Error("level", { cause: deep });
  const cases: [unknown, string][] = [
    [Object.assign(new Error(), { message: { field: "iban" } }), '{"field":"iban"}'],
    [Object.assign(new Error(), { message: 42 }), "42"],
    [new Reading(), ""],
    [cyclic, "cyclic"],
    [deep, "level"],
    [Object.freeze(new Error("frozen")), "frozen"],
    [Object.assign(new Error("big"), { response: "x".repeat(1_000_000) }), "big"],
    [new AggregateError(Array(10_000).fill(new Error("m")), "many"), "many"],
  ];
  for (const [thrown, message] of cases) {
    const error = toError(thrown);
    assert.is.not(error, thrown);
    assert.is(error.message, message);
    assert.is(Object.getPrototypeOf(error), Object.getPrototypeOf(thrown));
    assert.is(toError(error), error, "a copy is safe");
  }
  assert.ok(toError(vm.runInNewContext('new TypeError("elsewhere")')) instanceof Error);
});

test("the frames of a stack are kept where its text is too long", () => {
  const { stack = "", message } = toError(new Error("<html>".repeat(350_000)));
  assert.is(Buffer.byteLength(message), 4_096);
  assert.match(stack, /foreign\.test\.ts/);
  assert.ok(Buffer.byteLength(stack) <= 16_384);
});

test("whatever is thrown becomes an error that is bounded, safe to read, and the same when it is read again", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const error = toError(hostileValue(seededRandom(seed)));
      assert.ok(error instanceof Error);
      assert.type(error.message, "string");
      assert.ok(Buffer.byteLength(error.message) <= 4_096);
      assert.type(error.stack, "string");
      assert.ok(Buffer.byteLength(error.stack ?? "") <= 16_384);
      assert.type(error.name, "string");
      assert.is(toError(error), error);
    }),
    { numRuns: 3_000 },
  );
});

test("any value has a bounded text, and a bounded copy that JSON holds", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 10, max: 5_000 }), (seed, limit) => {
      const value = hostileValue(seededRandom(seed));
      assert.ok(Buffer.byteLength(textOf(value, limit)) <= limit);
      assert.ok((JSON.stringify(plainOf(value)) ?? "").length < 300_000);
    }),
    { numRuns: 3_000 },
  );
});

test("a text is cut between characters, and well formed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.integer({ min: 3, max: 300 }), (text, limit) => {
      const shorter = cut(text, limit);
      assert.ok(Buffer.byteLength(shorter) <= limit);
      if (shorter !== text) assert.ok(text.startsWith(shorter.slice(0, -1)) && shorter.endsWith("…"));
    }),
  );
});

test("a thenable settles once, whatever it does", () => {
  const told: unknown[] = [];
  const tell = (value: unknown): void => void told.push(value);
  whenSettled(Object.defineProperty({}, "then", { get: fail }), tell, () => tell("failed"));
  whenSettled(5, tell, tell);
  assert.equal(told, ["failed", 5]);
  return new Promise<void>((resolve) => {
    const then = (done: (value: unknown) => void, failed: (error: unknown) => void): void => {
      done(1);
      failed(2);
      fail();
    };
    whenSettled({ then }, tell, tell);
    setTimeout(() => {
      assert.equal(told, ["failed", 5, 1]);
      resolve();
    }, 1);
  });
});

test("only what works when it is read counts as unread", () => {
  const values = [undefined, 1, "text", [1], new Map(), {}, { next: 1 }, { subscribe: () => 0 }, Promise.resolve()];
  assert.equal(
    values.map(unreadKind),
    values.map(() => undefined),
  );
  assert.is(unreadKind([1].values()), "an iterator");
});

test("a name is refused with half a character or more than 512 bytes, and quoted so that it cannot break a line", () => {
  for (const name of ["", "\ud800", "half\udfff", "x".repeat(513), "é".repeat(257), 7, null]) {
    assert.throws(() => requireName("name", name), /^name: expected a non-empty text of at most 512 bytes of UTF-8/);
  }
  for (const name of ["a", "🎉", "é".repeat(256)]) assert.is(requireName("name", name), name);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const line = quoted(name);
      assert.not.match(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/u);
      assert.is(JSON.parse(line), name);
    }),
  );
});

test.run();
