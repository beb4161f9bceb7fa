import { types } from "node:util";
import { toError } from "./errors";
import { read, setOwn } from "./plain";

/**
 * Calls `done` or `failed` once, as `await` would end: whatever a thenable does (a `then` that throws, settles twice,
 * or throws after it has settled). A value that is no thenable is done at once.
 */
export function whenSettled(value: unknown, done: (value: unknown) => void, failed: (thrown: unknown) => void): void {
  let then: unknown;
  try {
    then = isObject(value) ? (value as { then?: unknown }).then : undefined;
  } catch (thrown) {
    failed(thrown);
    return;
  }
  if (typeof then !== "function") {
    done(value);
  } else if (types.isPromise(value) && then === Promise.prototype.then) {
    value.then(done, failed);
  } else {
    new Promise<unknown>((resolve, reject) => {
      Reflect.apply(then, value, [resolve, reject]) as unknown;
    }).then(done, failed);
  }
}

/** Calls a function of others. What it throws, at once or later, goes to `failed`; nothing else happens. */
export function callGuarded(call: () => unknown, failed: (error: Error) => void): void {
  const tell = (thrown: unknown): void => failed(toError(thrown));
  try {
    whenSettled(call(), () => undefined, tell);
  } catch (thrown) {
    tell(thrown);
  }
}

/** What a value is that does its work only when somebody reads it; undefined for every other. */
export function unreadKind(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  if (typeof read(value, "next") === "function") {
    if (typeof read(value, Symbol.asyncIterator) === "function") return "an async iterator";
    if (typeof read(value, Symbol.iterator) === "function") return "an iterator";
  }
  const marks = [read(value, "lift"), read(value, "@@observable"), read(value, observableSymbol())];
  const isObservable =
    marks.some((mark) => typeof mark === "function") && typeof read(value, "subscribe") === "function";
  return isObservable ? "an observable" : undefined;
}

const observableSymbol = (): PropertyKey => (Symbol as { observable?: symbol }).observable ?? "@@observable";

const isObject = (value: unknown): boolean =>
  (typeof value === "object" && value !== null) || typeof value === "function";

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
type Method = "addEventListener" | "removeEventListener";

/**
 * Has `failed` called with what a listener to the signal throws, at once or later: Node would end the process with it.
 */
export function guardSignal(signal: AbortSignal, failed: (error: Error) => void): AbortSignal {
  const guards = new WeakMap<object, (event: Event) => void>();
  const guardOf = (listener: Listener): ((event: Event) => void) => {
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard = (event: Event): void =>
      callGuarded(
        () => (typeof listener === "function" ? Reflect.apply(listener, signal, [event]) : listener.handleEvent(event)),
        failed,
      );
    guards.set(listener, guard);
    return guard;
  };
  const guarded = (method: Method) => {
    const original = Reflect.get(AbortSignal.prototype, method) as (...args: unknown[]) => void;
    return (type: string, listener: unknown, options?: unknown): void => {
      Reflect.apply(original, signal, [type, isObject(listener) ? guardOf(listener as Listener) : listener, options]);
    };
  };
  for (const method of ["addEventListener", "removeEventListener"] as const) setOwn(signal, method, guarded(method));
  return signal;
}
