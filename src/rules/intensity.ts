import { parseDuration, type Duration } from "../duration";
import { readOptions, requireInteger } from "../validate";

/** How many restarts within which time a supervisor allows. */
export interface IntensityOptions {
  /** Restarts that are allowed within the time, 0 or more; default 3. */
  restarts?: number;
  /** The time; default 5s. */
  within?: Duration;
}

/** A checked intensity; `within` in milliseconds. */
export interface Intensity {
  readonly restarts: number;
  readonly within: number;
}

/**
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function parseIntensity(option: string, given: unknown = {}): Intensity {
  const { restarts = 3, within = "5s" } = readOptions(option, given as IntensityOptions, ["restarts", "within"], {
    expected: "an object of restarts, within",
  });
  return {
    restarts: requireInteger(`${option}.restarts`, restarts, 0, Infinity),
    within: parseDuration(`${option}.within`, within),
  };
}

/**
 * One more restart at `now` (elapsed milliseconds). Those older than the window are forgotten; more than allowed within
 * it exceed the intensity, as in OTP.
 */
export function recordRestart(
  times: readonly number[],
  now: number,
  intensity: Intensity,
): { times: number[]; exceeded: boolean } {
  const recent = times.filter((time) => now - time <= intensity.within);
  recent.push(now);
  return { times: recent, exceeded: recent.length > intensity.restarts };
}
