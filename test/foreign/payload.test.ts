import * as fc from "fast-check";
import { interval } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { requireJson } from "../../src/payload";
import { onEveryStore } from "../helpers/world";

const fail = (): never => {
  throw new Error("read by a stranger");
};
const { proxy: revoked, revoke } = Proxy.revocable({}, {});
revoke();
const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;
let deep: unknown = 1;
for (let level = 0; level < 10_000; level++) deep = [deep];

test("what JSON cannot hold is refused, with its place", () => {
  const refused: [unknown, RegExp][] = [
    [undefined, /^payload: expected a JSON value; got undefined$/],
    [{ a: [1, NaN] }, /^payload\["a"\]\[1\]: expected a JSON value; got NaN$/],
    [{ a: { b: -Infinity } }, /^payload\["a"\]\["b"\]: .* got -Infinity$/],
    [{ m: new Map() }, /^payload\["m"\]: .* got a Map$/],
    [new Set([1]), /got a Set$/],
    [[10n], /^payload\[0\]: .* got 10$/],
    [{ s: Symbol("s") }, /got Symbol\(s\)$/],
    [{ [Symbol("key")]: 1 }, /got an object with a symbol as a key$/],
    [{ f: () => 1 }, /got a function$/],
    [[undefined], /^payload\[0\]: .* got undefined$/],
    [Array(2), /^payload\[0\]: .* got undefined$/],
    [cyclic, /^payload\["self"\]: .* got an object that contains itself$/],
    [deep, /got an object nested more than 500 levels deep$/],
    [revoked, /^payload: it cannot be read/],
    [
      { a: Object.defineProperty({}, "b", { get: fail, enumerable: true }) },
      /^payload\["a"\]\["b"\]: it cannot be read/,
    ],
    [{ toJSON: fail }, /^payload: it cannot be read: read by a stranger$/],
    [{ d: new Date(NaN) }, /^payload\["d"\]: .* got an invalid Date$/],
    [{ b: new Uint8Array(3) }, /got binary data$/],
    [{ p: Promise.resolve() }, /got a Promise$/],
    [new Error("e"), /got an Error$/],
    [{ n: new Number(1) }, /got a boxed primitive$/],
  ];
  for (const [payload, message] of refused) {
    assert.throws(
      () => requireJson(payload),
      (error: Error & { code?: string }) => error.code === "ERR_INVALID_PAYLOAD" && message.test(error.message),
      String(message),
    );
  }
});

test("what JSON holds is kept as every later reader gets it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (payload) => {
      assert.equal(requireJson(payload), JSON.parse(JSON.stringify(payload)));
    }),
  );
  const own = JSON.parse('{"__proto__":{"a":1},"b":2}') as object;
  assert.is(JSON.stringify(requireJson(own)), '{"__proto__":{"a":1},"b":2}');
  assert.equal(requireJson({ at: new Date(0), left: undefined, zero: -0 }), {
    at: "1970-01-01T00:00:00.000Z",
    zero: 0,
  });
});

onEveryStore(
  "X1 a payload that is no JSON is refused by assign and counted by assignMany; nothing is stored",
  async (world) => {
    const runtime = world.runtime();
    const queue = await runtime.queue({ name: "q" });
    const bad = [NaN, new Map(), 1n, [undefined], cyclic];
    for (const payload of bad) {
      const code = await queue
        .assign({ id: "bad", payload })
        .then(String, (error: unknown) => (error as { code: string }).code);
      assert.is(code, "ERR_INVALID_PAYLOAD");
    }
    const reasons: string[] = [];
    const assignments = [...bad, 1].map((payload, index) => ({ id: String(index), payload }));
    const onRejected = (_: unknown, error: Error): void =>
      void reasons.push((error as unknown as { code: string }).code);
    assert.equal(await queue.assignMany(assignments, { onRejected }), { created: 1, updated: 0, rejected: 5 });
    assert.equal(reasons, Array(5).fill("ERR_INVALID_PAYLOAD"));
    assert.is(await queue.get("bad"), undefined);
  },
);

onEveryStore(
  "X1 names and ids that no store can keep apart are refused with a code, the same everywhere",
  async (world) => {
    const runtime = world.runtime();
    const queue = await runtime.queue({ name: "q" });
    await runtime.start();
    const codeOf = async (call: () => unknown): Promise<unknown> => {
      try {
        return await call();
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    for (const name of ["\ud800", "x".repeat(513), ""]) {
      const run = (): undefined => undefined;
      assert.is(await codeOf(() => runtime.spawn({ name, schedule: interval("1h"), run })), "ERR_INVALID_OPTION");
      assert.is(await codeOf(() => runtime.supervise({ name, children: [] })), "ERR_INVALID_OPTION");
      assert.is(await codeOf(() => world.runtime({ nodeId: name })), "ERR_INVALID_OPTION");
      assert.is(await codeOf(() => runtime.queue({ name })), "ERR_INVALID_OPTION");
      for (const locks of [runtime.locks, queue]) {
        assert.is(await codeOf(() => locks.tryLock(name)), "ERR_INVALID_ID");
        assert.is(await codeOf(() => locks.tryAutoLock(name, "1s")), "ERR_INVALID_ID");
      }
      assert.is(await codeOf(() => queue.assign({ id: name, payload: 1 })), "ERR_INVALID_ID");
      assert.is(await codeOf(() => queue.get(name)), "ERR_INVALID_ID");
      assert.is(await codeOf(() => queue.remove(name)), "ERR_INVALID_ID");
    }
  },
);

test.run();
