import { sleep, type Clock } from "../clock";
import { systemRandom } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";

/** So many conflicts are answered by another try at once. */
const atOnce = 4;
const retry = parseRetry("retry", { initialDelay: 10, maxDelay: 1_000, jitter: 0.5 });

/**
 * For a write that is tried until nobody else comes first: to be awaited after each conflict. The first few tries follow
 * each other at once. After that comes a pause, longer each time: a store that refuses a revision which it has just told
 * must not be asked in a busy loop.
 */
export function contention(clock: Clock): () => Promise<void> {
  let conflicts = 0;
  return async () => {
    conflicts += 1;
    if (conflicts > atOnce) await sleep(clock, backoffDelay(retry, conflicts - atOnce, systemRandom()));
  };
}
