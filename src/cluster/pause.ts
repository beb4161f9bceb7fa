import type { Clock } from "../clock";
import { firstAbort } from "./first-abort";

/** For so many milliseconds, or until the signal is aborted. */
export async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const enough = new AbortController();
  const timer = clock.setTimeout(() => enough.abort(), milliseconds);
  await firstAbort(signal, enough.signal);
  clock.clearTimeout(timer);
}
