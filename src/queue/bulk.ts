import { sleep, type Clock } from "../clock";
import { isOutage, OstinatoError } from "../errors";

/** What is given is dealt with so many at a time: enough to fill the way to a server and back. */
const window = 1_024;

/**
 * Calls `deal` for each of the items, no more than a fixed number at a time: a source is read no faster than that. The
 * first error ends it, once what was under way has ended.
 */
export async function eachAtOnce<T>(
  items: Iterable<T> | AsyncIterable<T>,
  deal: (item: T) => Promise<void>,
  most = window,
): Promise<void> {
  let underWay = 0;
  let failure: { error: unknown } | undefined;
  let wake = (): void => undefined;
  const ended = (): void => {
    underWay -= 1;
    wake();
  };
  const below = async (limit: number): Promise<void> => {
    while (underWay >= limit) await new Promise<void>((resolve) => (wake = resolve));
  };
  for await (const item of items) {
    underWay += 1;
    deal(item).then(ended, (error: unknown) => {
      failure ??= { error };
      ended();
    });
    await below(most);
    if (failure !== undefined) break;
  }
  await below(1);
  if (failure !== undefined) throw failure.error;
}

const firstPause = 100;
const longestPause = 2_000;
/** A server that is restarted, or busy with itself, is back before that. */
const patience = 30_000;

/** Calls `act` again while the store is out of reach, for half a minute; then its error is the answer. */
export async function overOutages<T>(clock: Clock, act: () => Promise<T>): Promise<T> {
  const until = clock.monotonic() + patience;
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await act();
    } catch (error) {
      if (!isOutage(error) || clock.monotonic() + pause > until) throw error;
      await sleep(clock, pause);
    }
  }
}

/** Whether it says what is wrong with an assignment, and not with the store. */
export function isRefusal(error: unknown): error is OstinatoError {
  return error instanceof OstinatoError && error.code.startsWith("ERR_INVALID_");
}
