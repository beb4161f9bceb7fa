import { parseDuration, type Duration } from "../duration";
import { readOptions, requireInteger, requireNumber } from "../validate";

/** How long to wait between the attempts of failing work, and how often to try. */
export interface RetryOptions {
  /** Wait after the first failure; default `"1s"`. 0 tries again at once. */
  initialDelay?: Duration;
  /** Longest wait before jitter, at least `initialDelay`; default `"5m"`, or `initialDelay` where that is longer. */
  maxDelay?: Duration;
  /** What each further failure multiplies the wait by, 1 or more; default 2. */
  factor?: number;
  /** Share of the wait by which it is spread both ways, 0 to 1; default 0.2. Keeps nodes that fail together apart. */
  jitter?: number;
  /** Retries after the first attempt; default Infinity. 0 never retries. */
  limit?: number;
}

/** Checked {@link RetryOptions}: delays in milliseconds, nothing left out. */
export interface Retry {
  readonly initialDelay: number;
  readonly maxDelay: number;
  readonly factor: number;
  readonly jitter: number;
  readonly limit: number;
}

const names = ["initialDelay", "maxDelay", "factor", "jitter", "limit"];
const longestByDefault = 300_000;

/**
 * Checks retry options and fills in the defaults; `option` is the name that refusals begin with.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function parseRetry(option: string, given: unknown = {}, defaults: RetryOptions = {}): Retry {
  const read = readOptions(option, given as RetryOptions, names, { expected: `an object of ${names.join(", ")}` });
  const { initialDelay = "1s", maxDelay, factor = 2, jitter = 0.2, limit = Infinity } = { ...defaults, ...read };
  const first = parseDuration(`${option}.initialDelay`, initialDelay, { min: 0 });
  return {
    initialDelay: first,
    maxDelay:
      maxDelay === undefined
        ? Math.max(first, longestByDefault)
        : parseDuration(`${option}.maxDelay`, maxDelay, { min: first }),
    factor: requireNumber(`${option}.factor`, factor, 1, Number.MAX_VALUE),
    jitter: requireNumber(`${option}.jitter`, jitter, 0, 1),
    limit: requireInteger(`${option}.limit`, limit, 0, Infinity),
  };
}

/**
 * Milliseconds to wait after the given number of failures in a row (1 = after the first), spread by `random` in [0, 1).
 * At most `maxDelay × (1 + jitter)`.
 */
export function backoffDelay(retry: Retry, failures: number, random: number): number {
  if (retry.initialDelay === 0) return 0;
  const grown = retry.initialDelay * retry.factor ** Math.max(0, failures - 1);
  return Math.min(retry.maxDelay, grown) * (1 + retry.jitter * (2 * random - 1));
}
