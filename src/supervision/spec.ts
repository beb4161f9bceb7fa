import type { RetryOptions, Retry } from "../rules/backoff";
import { parseRetry } from "../rules/backoff";
import { parseDuration, type Duration } from "../duration";
import type { DueRule } from "../rules/due";
import type { Misfire } from "../rules/misfire";
import type { RestartKind } from "../rules/restart";
import { OstinatoError, toError } from "../errors";
import type { Schedule } from "../schedule";
import { checkedSchedule } from "../schedules/checked";
import type { Task } from "../task";
import { formatDuration } from "../duration";
import {
  quoted,
  readOpenOptions,
  readOptions,
  refuse,
  requireBoolean,
  requireInteger,
  requireName,
  requireOneOf,
  requireWork,
} from "../validate";

/** What to run, when, and what to do when it goes wrong. */
export interface SpawnSpec {
  /** Unique in the runtime, and the task's identity in the cluster: non-empty, at most 512 bytes of UTF-8. */
  name: string;
  /** When to run. Left out: long-lived work, which runs from the start and is restarted when it ends. */
  schedule?: Schedule;
  /** What to run. */
  run: Task;
  /** Longest time for one attempt; its signal is aborted after it. Left out: no limit. */
  timeout?: Duration;
  /** How late a start may be before its tick counts as missed. Default: the smaller of 5m and half the interval. */
  minCycle?: Duration;
  /** Longest time between two ALIVE lines. Default: the larger of 3h and twice `minCycle`. */
  maxCycle?: Duration;
  /** Waits between the attempts at one tick; for long-lived work, between restarts. */
  retry?: RetryOptions;
  /** One run at a time in the whole cluster, through the store. Default: true with a schedule, false without. */
  exclusive?: boolean;
  /** How long a node that has fallen silent keeps an exclusive task from the others. Default: the runtime's `lease`. */
  lease?: Duration;
  /** What to do with ticks that were missed while nothing could run: one run, none, or each. Default `"once"`. */
  misfire?: Misfire;
  /** The most missed ticks that misfire "all" runs. Default 100. */
  misfireLimit?: number;
  /** Missed ticks older than this are not run. Default 1d, or the interval where that is longer. */
  misfireMaxAge?: Duration;
  /** Delays each start by a part of this window that is always the same for one name. Default 0. */
  spread?: Duration;
  /** Delays each start by a part of this window, drawn anew each time. Default 0. */
  jitter?: Duration;
  /** When to start again long-lived work that ended: always, after failures only, never. Default `"permanent"`. */
  restart?: RestartKind;
  /**
   * How long a stop waits. Default for long-lived work 5s, after it has been told by its signal; default for scheduled
   * work the runtime's `shutdownTimeout`, after which its signal is aborted.
   */
  shutdown?: Duration;
  /** Its end by itself counts for the supervisor's `autoShutdown`. Default false. */
  significant?: boolean;
}

/** A checked spec: milliseconds, nothing left out. */
export interface ParsedSpec {
  name: string;
  run: Task;
  rule: DueRule | undefined;
  timeout: number | undefined;
  maxCycle: number;
  retry: Retry;
  exclusive: boolean;
  lease: number;
  spread: number;
  jitter: number;
  restart: RestartKind;
  shutdown: number;
  significant: boolean;
}

/** What the runtime sets where a spec is silent. */
export interface SpecDefaults {
  now: number;
  lease: number;
  shutdownTimeout: number;
}

const optionNames = [
  "name", "schedule", "run", "timeout", "minCycle", "maxCycle", "retry", "exclusive", "lease", "misfire", "misfireLimit",
  "misfireMaxAge", "spread", "jitter", "restart", "shutdown", "significant",
]; // prettier-ignore
const minute = 60_000;
const day = 86_400_000;

/**
 * Checks a spec before anything of it exists.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION
 */
export function parseSpec(given: SpawnSpec, defaults: SpecDefaults): ParsedSpec {
  const name = requireName("name", readOpenOptions("spawn", given, "an object with name and run").name);
  const spec = readOptions(`task ${quoted(name)}`, given, optionNames);
  const continuous = spec.schedule === undefined;
  const cycles =
    spec.schedule === undefined
      ? undefined
      : parseCycles(spec, checkedSchedule("schedule", spec.schedule), defaults.now);
  return {
    name,
    run: requireWork("run", spec.run),
    rule: cycles?.rule,
    maxCycle: cycles?.maxCycle ?? 180 * minute,
    timeout: spec.timeout === undefined ? undefined : parseDuration("timeout", spec.timeout),
    retry: parseRetry("retry", spec.retry),
    exclusive: spec.exclusive === undefined ? !continuous : requireBoolean("exclusive", spec.exclusive),
    lease: spec.lease === undefined ? defaults.lease : parseDuration("lease", spec.lease, { min: 100, max: day }),
    spread: parseDuration("spread", spec.spread ?? 0, { min: 0 }),
    jitter: parseDuration("jitter", spec.jitter ?? 0, { min: 0 }),
    restart: requireOneOf("restart", ["permanent", "transient", "temporary"], spec.restart ?? "permanent"),
    shutdown:
      spec.shutdown === undefined
        ? continuous
          ? 5_000
          : defaults.shutdownTimeout
        : parseDuration("shutdown", spec.shutdown, { min: 0, infinite: true }),
    significant: requireBoolean("significant", spec.significant ?? false),
  };
}

function parseCycles(spec: SpawnSpec, schedule: Schedule, now: number): { rule: DueRule; maxCycle: number } {
  const period = periodOf(schedule, now);
  const minCycle =
    spec.minCycle === undefined ? Math.min(5 * minute, period / 2) : parseDuration("minCycle", spec.minCycle);
  const maxCycle =
    spec.maxCycle === undefined ? Math.max(180 * minute, 2 * minCycle) : parseDuration("maxCycle", spec.maxCycle);
  if (maxCycle <= minCycle)
    refuse("maxCycle", `more than minCycle (${formatDuration(minCycle)})`, formatDuration(maxCycle));
  if (period < 2 * minCycle) {
    refuse("minCycle", `at most half the interval (${formatDuration(period / 2)})`, formatDuration(minCycle));
  }
  return {
    maxCycle,
    rule: {
      schedule,
      grace: minCycle,
      misfire: requireOneOf("misfire", ["once", "skip", "all"], spec.misfire ?? "once"),
      misfireLimit: requireInteger("misfireLimit", spec.misfireLimit ?? 100, 1, 100_000),
      misfireMaxAge:
        spec.misfireMaxAge === undefined
          ? Math.max(day, schedule.elapsed?.every ?? 0)
          : parseDuration("misfireMaxAge", spec.misfireMaxAge, { infinite: true }),
      retryLimit: parseRetry("retry", spec.retry).limit,
    },
  };
}

/**
 * The shortest gap among the next few ticks: what the cycles are measured on.
 *
 * @throws OstinatoError ERR_INVALID_SCHEDULE when even the first cannot be had; a later one is reported when it is reached
 */
function periodOf(schedule: Schedule, now: number): number {
  if (schedule.elapsed !== undefined) return schedule.elapsed.every;
  let period = Infinity;
  let tick = firstTick(schedule, now);
  try {
    for (let seen = 0; seen < 8 && tick !== undefined; seen++) {
      const next = schedule.next(tick);
      if (next !== undefined) period = Math.min(period, next.getTime() - tick.getTime());
      tick = next;
    }
  } catch {
    // The gaps that are known have to do.
  }
  return period;
}

function firstTick(schedule: Schedule, now: number): Date | undefined {
  try {
    return schedule.next(new Date(now));
  } catch (cause) {
    const { message } = toError(cause);
    throw new OstinatoError("ERR_INVALID_SCHEDULE", `schedule: expected a next() that works; got: ${message}`, {
      cause,
    });
  }
}
