import { createRuntime, cron, daily, interval, memoryStore, monthly, type Schedule } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const timeZone = "Europe/Paris";
/** Time zones' own reading of an instant, apart from the schedules under test. */
const reading = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });

interface Year {
  runs: Map<string, Date[]>;
  took: number;
  pending: number;
}

/** A year of these schedules under one runtime, on one virtual clock. */
async function live(start: string, end: string, schedules: Record<string, Schedule>): Promise<Year> {
  const clock = virtualClock({ start });
  const runtime = createRuntime({ clock, store: memoryStore(), logger: pino({ level: "silent" }) });
  const runs = new Map<string, Date[]>();
  for (const [name, schedule] of Object.entries(schedules)) {
    const own: Date[] = [];
    runs.set(name, own);
    runtime.spawn({
      name,
      schedule,
      run({ scheduledAt, lateBy, attempt }) {
        assert.is(lateBy, 0, name);
        assert.is(attempt, 1, name);
        own.push(scheduledAt);
      },
    });
  }
  const begun = process.cpuUsage();
  await runtime.start();
  await clock.advanceTo(end);
  const { user, system } = process.cpuUsage(begun);
  // Processor time: other test files run beside this one.
  const took = (user + system) / 1_000;
  const stopped = runtime.stop();
  await clock.advance("1m");
  await stopped;
  return { runs, took, pending: clock.pending() };
}

test("a year of hourly, daily, monthly and cron tasks takes less than 5 s of a processor and runs each as often as it is due", async () => {
  const { runs, took, pending } = await live("2025-12-31T23:59:59Z", "2026-12-31T23:59:58Z", {
    hourly: interval("1h"),
    daily: daily({ hour: 4, minute: 30, timeZone: "UTC" }),
    monthly: monthly({ day: 31, hour: 12, timeZone: "UTC" }),
    cron: cron("*/15 9-17 * * 1-5", { timeZone: "UTC" }),
  });
  console.log(`a year took ${took.toFixed(0)} ms`);
  assert.equal(Object.fromEntries([...runs].map(([name, own]) => [name, own.length])), {
    hourly: 8_760,
    daily: 365,
    monthly: 12,
    // 261 weekdays, nine hours of four quarters.
    cron: 261 * 9 * 4,
  });
  assert.equal(
    runs.get("monthly")?.map((at) => at.getUTCDate()),
    [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31],
  );
  assert.is(pending, 0);
  assert.ok(took < 5_000, `took ${took.toFixed(0)} ms`);
});

test("a year in a zone that changes its clocks: by the time of day once a day, by elapsed time without a gap", async () => {
  const { runs, took } = await live("2025-12-31T22:59:59Z", "2026-12-31T22:59:58Z", {
    hourly: interval("1h"),
    inTheGap: daily({ hour: 2, minute: 30, timeZone }),
    monthly: monthly({ day: 31, hour: 2, minute: 30, timeZone }),
    sunday: cron("30 2 * * 0", { timeZone }),
    everyHour: cron("0 * * * *", { timeZone }),
  });
  console.log(`a year in ${timeZone} took ${took.toFixed(0)} ms`);
  assert.equal(Object.fromEntries([...runs].map(([name, own]) => [name, own.length])), {
    hourly: 8_760,
    inTheGap: 365,
    monthly: 12,
    sunday: 52,
    everyHour: 8_760,
  });
  const days = runs.get("inTheGap")?.map((at) => reading.format(at)) ?? [];
  assert.is(new Set(days.map((day) => day.slice(0, 10))).size, 365);
  assert.equal(
    days.filter((day) => !day.endsWith("02:30:00")),
    ["2026-03-29 03:00:00"],
    "the one time that is skipped is made up for at the end of the gap",
  );
  const gaps = new Set(runs.get("everyHour")?.map((at, index, all) => at.getTime() - (all[index - 1]?.getTime() ?? 0)));
  gaps.delete([...gaps][0] as number);
  assert.equal([...gaps], [3_600_000]);
});

test.run();
