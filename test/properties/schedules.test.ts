import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Schedule } from "../../src/schedule";
import { cron } from "../../src/schedules/cron";
import { daily } from "../../src/schedules/daily";
import { interval } from "../../src/schedules/interval";
import { monthly } from "../../src/schedules/monthly";
import { weekly } from "../../src/schedules/weekly";
import { anyCron, type WrittenCron } from "../helpers/arbitrary-cron";
import { runsOf, stretchOf, type Rule } from "../helpers/calendar-oracle";
import { WallClock } from "../helpers/wall-clock";

/*
 * Goal: `next` is right for any expression, zone and instant. Method: half of the instants lie near an offset change;
 * a minute-by-minute search over four days (and, past them, a look at every date) must find what `next` finds.
 * CASES sets the number of cases (CI: 100000), SEED repeats a run.
 */
const cases = Number(process.env["CASES"] ?? (process.env["CI"] ? 100_000 : 5_000));
const seed = Number(process.env["SEED"] ?? Date.now() & 0x7fffffff);
console.log(`seed ${String(seed)}, ${String(cases)} cases`);

const day = 86_400_000;
const from = Date.UTC(2000, 0, 1);
const to = Date.UTC(2037, 11, 1);
const lookedAt = 4;

// Zones of every kind of change: half hours, midnights, Ramadan, negative summer time, lost days, none at all.
const zoneNames = [
  ...["Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Caracas", "America/Havana", "America/New_York"],
  ...["America/Noronha", "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "Antarctica/Casey"],
  ...["Antarctica/Troll", "Asia/Beirut", "Asia/Calcutta", "Asia/Gaza", "Asia/Pyongyang", "Asia/Tehran", "Asia/Tokyo"],
  ...["Atlantic/Azores", "Australia/Lord_Howe", "Europe/Dublin", "Europe/Istanbul", "Europe/Paris", "Europe/Volgograd"],
  ...["Pacific/Apia", "Pacific/Chatham", "Pacific/Fakaofo", "Pacific/Norfolk", "UTC"],
];
const clocks = new Map(zoneNames.map((zone) => [zone, new WallClock(zone, from - 10 * day, to + 20 * day)]));

const anyMoment = fc
  .tuple(
    fc.constantFrom(...zoneNames),
    fc.boolean(),
    fc.nat(),
    fc.integer({ min: -2 * day, max: 2 * day }),
    fc.integer({ min: from, max: to }),
  )
  .map(([zone, near, index, distance, free]) => {
    const { changes } = clockOf(zone);
    const change = changes[index % Math.max(1, changes.length)];
    const instant = near && change !== undefined ? Math.min(to, Math.max(from, change.at + distance)) : free;
    return { zone, instant };
  });

function check<T>(name: string, share: number, arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): void {
  test(name, () => fc.assert(fc.property(arbitrary, holds), { seed, numRuns: Math.ceil(cases * share) }));
}

check(
  "next of any cron agrees with a search through every minute",
  0.6,
  fc.tuple(anyCron, anyMoment),
  ([written, { zone, instant }]) => {
    agree(buildCron(written, zone), written.rule, clockOf(zone), instant);
  },
);

const timeOfDay = { hour: fc.nat({ max: 23 }), minute: fc.nat({ max: 59 }), second: fc.nat({ max: 59 }) };

check(
  "next of any daily, weekly and monthly agrees with a search through every minute",
  0.2,
  fc.tuple(fc.record(timeOfDay), fc.constantFrom("daily", "weekly", "monthly"), fc.nat({ max: 61 }), anyMoment),
  ([time, kind, number, { zone, instant }]) => {
    const clock = clockOf(zone);
    const options = { ...time, timeZone: zone };
    const rule = (belongs: (date: Date) => boolean): Rule => ({
      day: (date) => belongs(new Date(date * day)),
      hours: Uint8Array.from({ length: 24 }, (_, hour) => Number(hour === time.hour)),
      minutes: Uint8Array.from({ length: 60 }, (_, minute) => Number(minute === time.minute)),
      seconds: [time.second],
    });
    if (kind === "daily")
      return agree(
        daily(options),
        rule(() => true),
        clock,
        instant,
      );
    if (kind === "weekly") {
      const weekdays = [number % 8, (number + 3) % 7];
      const belongs = (date: Date): boolean => weekdays.some((weekday) => weekday % 7 === date.getUTCDay());
      return agree(weekly({ day: weekdays, ...options }), rule(belongs), clock, instant);
    }
    const wanted = number < 31 ? number + 1 : number - 62;
    const belongs = (date: Date): boolean => {
      const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
      const chosen = wanted > 0 ? Math.min(wanted, length) : Math.max(1, length + 1 + wanted);
      return date.getUTCDate() === chosen;
    };
    return agree(monthly({ day: wanted, ...options }), rule(belongs), clock, instant);
  },
);

check(
  "next is later than what it is given, and grows with it",
  0.1,
  fc.tuple(anyCron, anyMoment, fc.nat({ max: 3 * day })),
  ([written, { zone, instant }, distance]) => {
    const schedule = buildCron(written, zone);
    const first = due(schedule, instant);
    const second = due(schedule, instant + distance);
    assert.ok(first > instant && second > instant + distance);
    assert.ok(first <= second);
    assert.is(due(schedule, first - 1), first, "nothing lies between");
  },
);

check(
  "an anchored interval is due at whole periods from its anchor, a free one a period later",
  0.1,
  fc.tuple(
    fc.integer({ min: 1, max: 40 * day }),
    fc.integer({ min: from, max: to }),
    fc.integer({ min: from, max: to }),
  ),
  ([every, anchor, instant]) => {
    assert.is(due(interval(every), instant), instant + every);
    const next = due(interval(every, { anchor: new Date(anchor) }), instant);
    assert.ok(next > instant && next <= instant + every);
    assert.is(Math.abs((next - anchor) % every), 0);
  },
);

function clockOf(zone: string): WallClock {
  return clocks.get(zone) as WallClock;
}

/** Expressions that the schedule holds for impossible are skipped, once no date of 28 years, a whole cycle, belongs. */
function buildCron({ expression, rule }: WrittenCron, timeZone: string): Schedule {
  try {
    return cron(expression, { timeZone });
  } catch (error) {
    assert.match(String(error), /never run/);
    for (let date = from / day; date < from / day + 28 * 366; date += 1) assert.not.ok(rule.day(date), expression);
    return fc.pre(false) as never;
  }
}

function due(schedule: Schedule, instant: number): number {
  return schedule.next(new Date(instant))?.getTime() ?? Infinity;
}

function firstAfter(runs: Iterable<number>, instant: number, end: number): number | undefined {
  for (const run of runs) if (run > instant) return run <= end ? run : undefined;
  return undefined;
}

function agree(schedule: Schedule, rule: Rule, clock: WallClock, instant: number): void {
  const found = due(schedule, instant);
  const stretch = stretchOf(clock, instant - 1.5 * day, (lookedAt + 2) * 1_440);
  const end = instant + lookedAt * day;
  const expected = firstAfter(runsOf(rule, stretch, instant), instant, end);
  const about = `${String(schedule)} after ${new Date(instant).toISOString()}`;
  if (expected !== undefined) return assert.is(found, expected, about);
  assert.ok(found > end, `${about}: ${new Date(found).toISOString()}, where the search finds nothing`);
  // Past the stretch no date may match before the one that was found, but for those that the zone skips.
  const last = found === Infinity ? end + 400 * day : found;
  const foundDate = Math.floor((last + clock.offsetAt(Math.min(last, to))) / day);
  for (let date = Math.floor(end / day) + 2; date < foundDate - 1 && date * day < to; date += 1) {
    if (!rule.day(date)) continue;
    const shown = clock.minutes(date * day - day, 3 * 1_440).some((wall) => Math.floor(wall / 1_440) === date);
    assert.not.ok(shown, `${about}: passes over ${new Date(date * day).toISOString()}`);
  }
  return undefined;
}

test.run();
