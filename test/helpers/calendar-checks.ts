import { flags, runsOf, stretchOf, type Rule, type Stretch } from "./calendar-oracle";
import { WallClock, type Change } from "./wall-clock";

/** One question to a scheduler, and the right answer. */
export interface Check {
  kind: "gap" | "overlap" | "elapsed";
  zone: string;
  change: Change;
  /** Five fields, or six with seconds. */
  expression: string;
  after: number;
  expected: number;
}

const hour = 3_600_000;
const from = Date.UTC(2000, 0, 1);
const to = Date.UTC(2038, 0, 1);
/** Days looked at on each side of a change, and one more on each for what the wall has shown, or has yet to show. */
const daysAround = 1;
const everySecond = Array.from({ length: 60 }, (_, each) => each);
const quarterHours: Rule = {
  day: () => true,
  hours: flags(24, Array(24).keys()),
  minutes: flags(60, [0, 15, 30, 45]),
  seconds: [0],
};
const seconds: Rule = { ...quarterHours, minutes: flags(60, everySecond), seconds: everySecond };

/** All zones that Node knows, by their canonical names. */
export const zoneNames: readonly string[] = [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone")])];

/** Every check of a zone: around each of its changes from 2000 to 2037, daily times and crons that run by elapsed time. */
export function* checksOf(zone: string): Generator<Check> {
  const clock = new WallClock(zone, from, to);
  for (const change of clock.changes) {
    const around = stretchOf(clock, change.at - (daysAround + 1) * 24 * hour, (daysAround + 1) * 2 * 1_440);
    yield* dailyChecks(zone, change, around);
    yield* elapsedChecks(clock, change, "*/15 * * * *", quarterHours, 3 * hour);
    yield* elapsedChecks(clock, change, "* * * * * *", seconds, 3_000);
  }
}

/** Minutes of the day inside, at both ends of and around what a change skips or repeats, and two that are far away. */
export function timesAround(change: Change): number[] {
  const edges = [change.at + change.before, change.at + change.after].map((wall) => wall / 60_000);
  const low = Math.min(...edges);
  const high = Math.max(...edges);
  const middle = Math.floor((low + high) / 2);
  const times = [low - 1, low, low + 1, middle, high - 1, high, high + 1, 0, 720];
  return [...new Set(times.map((time) => ((time % 1_440) + 1_440) % 1_440))];
}

function* dailyChecks(zone: string, change: Change, around: Stretch): Generator<Check> {
  const kind = change.after > change.before ? "gap" : "overlap";
  const size = Math.abs(change.after - change.before);
  for (const time of timesAround(change)) {
    const rule: Rule = {
      day: () => true,
      hours: flags(24, [Math.floor(time / 60)]),
      minutes: flags(60, [time % 60]),
      seconds: [0],
    };
    const expression = `${String(time % 60)} ${String(Math.floor(time / 60))} * * *`;
    const runs = [...runsOf(rule, around)];
    const begin = change.at - daysAround * 24 * hour;
    // Past the next day's run of a time that was repeated.
    const end = change.at + (daysAround + 0.5) * 24 * hour;
    const inside = runs.filter((run) => run > begin && run <= end);
    const afters = new Set([
      begin,
      ...inside.slice(0, -1),
      change.at - 1,
      change.at,
      change.at + size / 2,
      change.at + size,
    ]);
    for (const after of afters) {
      const expected = inside.find((run) => run > after);
      if (expected !== undefined) yield { kind, zone, change, expression, after, expected };
    }
  }
}

function* elapsedChecks(
  clock: WallClock,
  change: Change,
  expression: string,
  rule: Rule,
  reach: number,
): Generator<Check> {
  const day = 24 * hour;
  const stretch = stretchOf(clock, change.at - reach - day, Math.ceil((2 * reach + day) / 60_000) + 2);
  const runs = [...runsOf(rule, stretch)];
  let after = change.at - reach;
  for (const expected of runs.filter((run) => run > change.at - reach && run <= change.at + reach)) {
    yield { kind: "elapsed", zone: clock.zone, change, expression, after, expected };
    after = expected;
  }
}
