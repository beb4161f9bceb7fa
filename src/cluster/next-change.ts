import type { Clock, TimerId } from "../clock";
import type { View } from "./view";

/** A wait for the next change of one key, counted from when it was made; both ways of waiting end with the signal. */
export interface NextChange {
  /** Until the change, or for so many milliseconds. */
  within(ms: number): Promise<void>;
  /** For so many milliseconds, whatever changes. */
  pause(ms: number): Promise<void>;
  end(): void;
}

export function nextChange(view: View, key: string, clock: Clock, signal: AbortSignal): NextChange {
  let timer: TimerId;
  let changed = false;
  let wakeOnChange = false;
  let wake: () => void = () => undefined;
  const stop = view.on(key, () => {
    changed = true;
    if (wakeOnChange) wake();
  });
  const onAbort = (): void => {
    wake();
  };
  signal.addEventListener("abort", onAbort);
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      if (signal.aborted || (wakeOnChange && changed)) resolve();
      else timer = clock.setTimeout(resolve, Math.max(0, ms));
    });
  return {
    within(ms) {
      wakeOnChange = true;
      return wait(ms);
    },
    pause: wait,
    end() {
      clock.clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      stop();
    },
  };
}
