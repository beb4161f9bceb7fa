import { Observable } from "rxjs";

/** Numbers in [0, 1). */
type Random = () => number;

/** Made once: a value of 100 MB is looked at often, and made rarely. */
let big: { text: string; bytes: Uint8Array; list: unknown[]; levels: unknown; causes: Error } | undefined;

function bigValues(): NonNullable<typeof big> {
  if (big !== undefined) return big;
  let levels: unknown = "bottom";
  let causes = new Error("bottom");
  for (let level = 0; level < 10_000; level++) {
    levels = level % 2 === 0 ? { levels } : [levels];
    causes = new Error(`level ${String(level)}`, { cause: causes });
  }
  const text = Buffer.alloc(100_000_000, "x").toString("latin1");
  return (big = {
    text,
    bytes: new Uint8Array(100_000_000),
    list: new Array(1_000_000).fill({ a: 1 }),
    levels,
    causes,
  });
}

const fail = (): never => {
  throw new Error("read by a stranger");
};
const traps = [
  ...["get", "set", "has", "ownKeys", "getPrototypeOf", "setPrototypeOf", "getOwnPropertyDescriptor", "apply"],
  ...["construct", "defineProperty", "deleteProperty", "isExtensible", "preventExtensions"],
];
const nasty = [
  ...["", "\ud800", "half\udfff", "line\u2028break\u2029and\u0085more", "\u001b[31mred\u001b[0m", "\u0000\u0007\u009b"],
  ...[
    "__proto__",
    "constructor",
    "then",
    "toJSON",
    "%s%d%j%o",
    '"quoted"',
    "</script>",
    "\ufeff\u202e",
    "🎉".repeat(3_000),
  ],
];

/** Values of the whole language, most of them chosen to hurt whoever reads them carelessly. */
export function hostileValue(random: Random, depth = 0): unknown {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const inner = (): unknown => (depth < 3 ? hostileValue(random, depth + 1) : pick(nasty));
  const kinds: readonly (() => unknown)[] = [
    () => pick<unknown>([undefined, null, true, false, 0, -0, NaN, Infinity, -Infinity, 1e308, 2 ** 53]),
    () => pick([0n, -1n, 10n ** 50n, 10n ** 5_000n, 1n << 4_000_000n]),
    () => pick(nasty),
    () => pick([Symbol(), Symbol("s"), Symbol.iterator, Symbol("x".repeat(1_000_000))]),
    () => hostileFunction(pick, inner),
    () => hostileObject(pick, inner),
    () => hostileObject(pick, inner),
    () => hostileError(pick, inner),
    () => hostileError(pick, inner),
    () => hostileProxy(pick, inner),
    () => hostileThenable(pick, inner),
    () => builtIn(pick, inner),
    () => lazy(pick, inner),
    () => (random() < 0.02 ? pick(Object.values(bigValues())) : pick(nasty)),
  ];
  return pick(kinds)();
}

type Pick = <T>(items: readonly T[]) => T;

function own(target: object, name: PropertyKey, descriptor: PropertyDescriptor): object {
  return Object.defineProperty(target, name, { configurable: true, enumerable: true, ...descriptor });
}

function hostileFunction(pick: Pick, inner: () => unknown): unknown {
  return pick<() => unknown>([
    () => fail,
    () => own(() => inner(), "name", { get: fail }),
    () => own(() => inner(), "name", { value: inner() }),
    () => own(() => inner(), "toJSON", { value: fail }),
    () => class Local extends Error {},
    () => Math.max,
    () => async () => inner(),
  ])();
}

function hostileObject(pick: Pick, inner: () => unknown): unknown {
  const cyclic: Record<string, unknown> = { a: inner() };
  cyclic["self"] = [cyclic, { cyclic }];
  return pick<() => unknown>([
    () => ({ a: inner(), b: [inner()] }),
    () => [inner(), , inner()],
    () => cyclic,
    () => own({}, pick(nasty), { get: fail }),
    () => own({}, pick(["message", "stack", "name", "code", "cause", "then", "constructor"]), { get: fail }),
    () => own({ a: inner() }, "__proto__", { value: inner() }),
    () => ({ toJSON: fail }),
    () => ({ toJSON: () => inner() }),
    () => ({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail }),
    () => ({ get [Symbol.toStringTag]() { return fail(); } }), // prettier-ignore
    () => Object.assign(Object.create(null) as object, { a: inner() }),
    () => Object.create(hostileProxy(pick, inner) as object) as object,
    () => Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${String(index)}`, index])),
    () => own([], "length", { value: 4_294_967_295, enumerable: false, writable: true, configurable: false }),
    () => ({ [Symbol.for("nodejs.util.inspect.custom")]: fail }),
    () => ({ message: inner(), stack: inner(), name: inner(), code: inner() }),
  ])();
}

function hostileError(pick: Pick, inner: () => unknown): unknown {
  const error = new (pick([Error, TypeError, RangeError]))("an error");
  const field = pick(["message", "name", "stack", "code", "cause", "errors", "toString", "constructor", "response"]);
  class Reading extends Error {
    override get message(): string {
      return fail();
    }
  }
  return pick<() => unknown>([
    () => own(error, field, { value: inner() }),
    () => own(error, field, { get: fail }),
    () => own(error, field, { get: inner }),
    () => own(error, "cause", { value: error }),
    () => own(error, "message", { value: error }),
    () => Object.assign(new Error(), { status: 422, message: { field: "iban" } }),
    () => new Error("<html>".repeat(100_000)),
    () => new AggregateError([error, inner(), new Error("m".repeat(10_000))], "several"),
    () =>
      new AggregateError(
        Array.from({ length: 3_000 }, () => error),
        "many",
      ),
    () => new Error("outside", { cause: inner() }),
    () => new Reading(),
    () => Object.freeze(error),
    () => Object.setPrototypeOf(error, null) as object,
    () => Object.setPrototypeOf(error, new Proxy(Error.prototype, { get: fail })) as object,
    () => Object.create(Error.prototype) as object,
    () => new DOMException("away", "AbortError"),
  ])();
}

function hostileProxy(pick: Pick, inner: () => unknown): unknown {
  const target = pick<() => object>([() => ({}), () => [], () => new Error("inside"), () => () => undefined])();
  const { proxy, revoke } = Proxy.revocable(target, {});
  return pick<() => unknown>([
    () => (revoke(), proxy),
    () => new Proxy(target, Object.fromEntries(traps.map((trap) => [trap, fail]))),
    () => new Proxy({}, { get: () => inner(), has: () => true, ownKeys: () => ["a", "b"] }),
    () => new Proxy({}, { getPrototypeOf: () => Error.prototype }),
    () => new Proxy(target, {}),
  ])();
}

function hostileThenable(pick: Pick, inner: () => unknown): unknown {
  const rejected = Promise.reject(inner());
  rejected.catch(() => undefined);
  type Then = (done: (value: unknown) => void, failed: (error: unknown) => void) => unknown;
  const thenable = (then: Then): object => ({ then });
  return pick<() => unknown>([
    // Not Promise.resolve, which reads the constructor of a promise and throws what that throws.
    () => new Promise((resolve) => resolve(inner())),
    () => rejected,
    () => own({}, "then", { get: fail }),
    () => thenable(fail),
    () => thenable((done, failed) => (done(inner()), done(1), failed(2))),
    () => thenable((done) => (done(inner()), fail())),
    () => thenable((_, failed) => (failed(inner()), fail())),
    () => own(Promise.resolve(1), "then", { value: fail }),
    () => own(Promise.resolve(1), "constructor", { get: fail }),
  ])();
}

function builtIn(pick: Pick, inner: () => unknown): unknown {
  return pick<() => unknown>([
    () => new Map([[inner(), inner()]]),
    () => own(new Set([inner()]), "size", { value: inner() }),
    () => new WeakMap(),
    () => new Date(NaN),
    () => own(new Date(0), "toJSON", { value: fail }),
    () => own(/a/, "source", { get: fail }),
    () => new Uint8Array(10),
    () => new SharedArrayBuffer(8),
    () => Buffer.from("text"),
    () => Object(pick<unknown>(["text", 1, 1n, true, Symbol("boxed")])) as object,
    () => new AbortController().signal,
    () => process.stdout,
    () => globalThis,
  ])();
}

function lazy(pick: Pick, inner: () => unknown): unknown {
  return pick<() => unknown>([
    () => (function* () { yield inner(); })(), // prettier-ignore
    () => (async function* () { yield inner(); })(), // prettier-ignore
    () => [inner()].values(),
    () => new Observable(fail),
    () => own({ [Symbol.iterator]: fail }, "next", { get: fail }),
  ])();
}
