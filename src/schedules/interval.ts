import { formatDuration, parseDuration, type Duration } from "../duration";
import type { Schedule } from "../schedule";
import { requireBoolean } from "../validate";
import { requireFields, requireInstant } from "./fields";
import { instantMax } from "./zoned";

/** When an interval's first run is, and from where it counts. */
export interface IntervalOptions {
  /** Whether the first run is due at once; default true. Without effect where there is an anchor. */
  immediate?: boolean;
  /** Counts from this instant, before it as after it: every run is a whole number of periods away. Default: from the start. */
  anchor?: Date;
}

/**
 * Repeats by elapsed time, blind to calendars: `interval("1h")`.
 *
 * Without an anchor it counts from wherever it was started; with one, it is due at `anchor + k × every`.
 *
 * @throws OstinatoError ERR_INVALID_DURATION, ERR_INVALID_SCHEDULE, ERR_INVALID_OPTION
 */
export function interval(duration: Duration, options: IntervalOptions = {}): Schedule {
  const every = Math.max(1, Math.round(parseDuration("interval", duration)));
  const { immediate = true, anchor } = requireFields("interval options", options, ["immediate", "anchor"]);
  requireBoolean("interval.immediate", immediate);
  const origin = anchor === undefined ? undefined : requireInstant(anchor, "interval.anchor");
  const written = [
    ...(immediate ? [] : ["immediate: false"]),
    ...(origin === undefined ? [] : [`anchor: new Date("${new Date(origin).toISOString()}")`]),
  ];
  const text = JSON.stringify(typeof duration === "string" ? duration : formatDuration(every));
  const shape = {
    next(after: Date) {
      const instant = requireInstant(after);
      const passed = origin === undefined ? 0 : (((instant - origin) % every) + every) % every;
      const due = instant - passed + every;
      return due > instantMax ? undefined : new Date(due);
    },
    toString: () => (written.length === 0 ? `interval(${text})` : `interval(${text}, { ${written.join(", ")} })`),
  };
  return origin === undefined ? { ...shape, elapsed: { every, immediate } } : shape;
}
