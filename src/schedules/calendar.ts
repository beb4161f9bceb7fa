import type { Schedule } from "../schedule";
import { requireInstant } from "./fields";
import { nextWallTime, type Pattern } from "./pattern";
import { instantMax, type Zone } from "./zoned";

const millisecondsOfDay = 86_400_000;
/** More than any zone is or was ahead of UTC. */
const offsetMax = 26 * 3_600_000;

/**
 * Work bound to a time of day. A wall time is due when the wall first reaches or passes it: in a gap that is the first
 * instant after, and in an overlap the first occurrence. So the next run is when the wall first reaches the first
 * matching time later than any that it has shown.
 */
export function timeOfDaySchedule(pattern: Pattern, zone: Zone, text: string): Schedule {
  return {
    next(after) {
      const instant = requireInstant(after);
      const span = zone.spanAt(instant);
      const shown = Math.max(instant + span.offset, span.wallBefore - 1);
      let wall = nextWallTime(pattern, Math.floor(shown / 1_000) + 1) * 1_000;
      if (wall - span.offset < span.to) return new Date(wall - span.offset);
      for (;;) {
        const reached = firstReached(zone, wall);
        if (typeof reached !== "object") return reached === undefined ? undefined : new Date(reached);
        wall = nextWallTime(pattern, reached.resumeAt / 1_000) * 1_000;
      }
    },
    toString: () => text,
    timeZone: zone.id,
  };
}

/** When the wall first shows `wall` or later; or, where the zone skips that whole day, the wall time to go on from. */
function firstReached(zone: Zone, wall: number): number | { resumeAt: number } | undefined {
  let from = Math.max(wall - offsetMax, -instantMax);
  while (from <= instantMax) {
    const span = zone.spanAt(from);
    if (wall - span.offset < span.to) {
      const skipped = span.from > wall - span.offset;
      const day = Math.floor(wall / millisecondsOfDay) * millisecondsOfDay;
      if (skipped && span.wallBefore <= day && span.from + span.offset >= day + millisecondsOfDay) {
        return { resumeAt: day + millisecondsOfDay };
      }
      const reached = skipped ? span.from : wall - span.offset;
      return reached > instantMax ? undefined : reached;
    }
    from = span.to;
  }
  return undefined;
}

/**
 * Work that repeats by elapsed time: every instant at which the wall shows a matching time, so that an overlap's hour
 * runs in both its occurrences and a gap leaves out only what took no time.
 */
export function elapsedSchedule(pattern: Pattern, zone: Zone, text: string): Schedule {
  return {
    next(after) {
      const instant = requireInstant(after);
      let span = zone.spanAt(instant);
      let second = Math.floor((instant + span.offset) / 1_000) + 1;
      for (;;) {
        const due = nextWallTime(pattern, second) * 1_000 - span.offset;
        if (due < span.to) return due > instantMax ? undefined : new Date(due);
        if (span.to > instantMax) return undefined;
        span = zone.spanAt(span.to);
        second = Math.ceil((span.from + span.offset) / 1_000);
      }
    },
    toString: () => text,
    timeZone: zone.id,
  };
}
