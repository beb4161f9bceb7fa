import { Observable, Subscriber, type Observer, type Subscription } from "rxjs";
import { callGuarded } from "./foreign";

/** A listener as `subscribe` takes it. */
type Given<T> = Partial<Observer<T>> | ((value: T) => void) | null | undefined;

/**
 * An observable whose listeners harm nobody but themselves: RxJS would end the process with what one throws. `failed` is
 * called with the first error of each. What is made from it with `pipe` is guarded as well.
 */
export class GuardedEvents<T> extends Observable<T> {
  readonly #failed: (error: Error) => void;

  constructor(failed: (error: Error) => void, subscribe?: (subscriber: Subscriber<T>) => () => void) {
    super(subscribe);
    this.#failed = failed;
  }

  /** What RxJS calls to make the result of an operator. */
  override lift<R>(operator?: Parameters<Observable<T>["lift"]>[0]): Observable<R> {
    const lifted = new GuardedEvents<R>(this.#failed);
    return Object.assign(lifted, { source: this, operator });
  }

  override subscribe(
    given?: Given<T>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    if (given instanceof Subscriber) return super.subscribe(given);
    return super.subscribe(guarded(typeof given === "object" ? given : { next: given, error, complete }, this.#failed));
  }
}

/** What `subscribe` takes. */
export interface Listener {
  next?: ((value: never) => unknown) | null | undefined;
  error?: ((error: unknown) => unknown) | null | undefined;
  complete?: (() => unknown) | null | undefined;
}

/** An observer that never throws. `failed` is called with the first error. */
export function guarded<T>(listener: Listener | null, failed: (error: Error) => void): Observer<T> {
  let told = false;
  const tell = (error: Error): void => {
    if (told) return;
    told = true;
    failed(error);
  };
  return {
    next: (value) => callGuarded(() => listener?.next?.(value as never), tell),
    error: (thrown) =>
      callGuarded(() => {
        if (typeof listener?.error !== "function") throw thrown;
        return listener.error(thrown);
      }, tell),
    complete: () => callGuarded(() => listener?.complete?.(), tell),
  };
}
