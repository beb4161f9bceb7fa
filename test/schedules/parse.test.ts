import { test } from "uvu";
import * as assert from "uvu/assert";
import { OstinatoError } from "../../src/errors";
import { parseSchedule } from "../../src/schedules/parse";

const typed: [text: string, meaning: string][] = [
  ["1h", 'interval("1h")'],
  ["every 90s", 'interval("90s")'],
  ["1.5 hours", 'interval("1.5 hours")'],
  ["@daily", 'cron("@daily")'],
  ["*/5 * * * *", 'cron("*/5 * * * *")'],
  [" 0 0 9 * * mon-fri ", 'cron("0 0 9 * * mon-fri")'],
  ["daily 12:00", "daily({ hour: 12 })"],
  ["daily 00:00:07", "daily({ hour: 0, second: 7 })"],
  ["weekly mon 09:30", 'weekly({ day: "monday", hour: 9, minute: 30 })'],
  ["weekly sun,3 9:05", 'weekly({ day: ["sunday", "wednesday"], hour: 9, minute: 5 })'],
  ["monthly 31 12:00", "monthly({ day: 31, hour: 12 })"],
  ["Monthly last 12:00:30", "monthly({ day: -1, hour: 12, second: 30 })"],
  ["daily", "daily({ hour: 0 })"],
  ["weekly monday", 'weekly({ day: "monday", hour: 0 })'],
  ["weekly sun,3", 'weekly({ day: ["sunday", "wednesday"], hour: 0 })'],
  ["monthly 1", "monthly({ day: 1, hour: 0 })"],
  ["monthly last", "monthly({ day: -1, hour: 0 })"],
  ["daily()", "daily({ hour: 0 })"],
  ["daily({})", "daily({ hour: 0 })"],
  ['weekly({ day: "monday" })', 'weekly({ day: "monday", hour: 0 })'],
  ["monthly({ day: 1 })", "monthly({ day: 1, hour: 0 })"],
  ["daily({ hour: 12, 'minute': 1_0, })", "daily({ hour: 12, minute: 10 })"],
];
for (const [text, meaning] of typed) {
  test(`"${text}" is read as ${meaning}`, () => assert.is(String(parseSchedule(text)), meaning));
}

const written = [
  'interval("1h")',
  'interval("90s", { immediate: false })',
  'interval("1h", { anchor: new Date("2026-01-01T00:30:00.000Z") })',
  'daily({ hour: 12, minute: 5, second: 7, timeZone: "Europe/Paris" })',
  'weekly({ day: ["monday", "sunday"], hour: 9, timeZone: "UTC" })',
  'monthly({ day: -1, hour: 0, timeZone: "UTC" })',
  'cron("0 9 * * mon-fri", { timeZone: "Europe/Paris" })',
];
for (const text of written) {
  test(`${text} is read back as it is written`, () => {
    const schedule = parseSchedule(text);
    assert.is(String(schedule), text);
    assert.ok(schedule.next(new Date("2026-06-01T00:00Z")));
  });
}

test("the zone given beside the text holds where the text names none", () => {
  assert.is(String(parseSchedule("daily 12:00", { timeZone: "UTC" })), 'daily({ hour: 12, timeZone: "UTC" })');
  assert.is(String(parseSchedule("@daily", { timeZone: "UTC" })), 'cron("@daily", { timeZone: "UTC" })');
  const named = 'daily({ hour: 12, timeZone: "Asia/Tokyo" })';
  assert.is(String(parseSchedule(named, { timeZone: "UTC" })), named);
});

const refused = [
  "",
  "60",
  "soon",
  "weekly",
  "monthly",
  "monthly 12:00",
  "daily noon",
  "weekly 09:30",
  "daily(",
  "weekly()",
  "daily({ hour: 12 }) x",
  "daily({ hour: process.exit() })",
  "hourly({ minute: 1 })",
  "constructor('x')",
  "0 9 * *",
];
for (const text of refused) {
  test(`"${text}" is refused with the allowed forms`, () => {
    assert.throws(
      () => parseSchedule(text),
      (error: unknown) =>
        error instanceof OstinatoError &&
        error.code === "ERR_INVALID_SCHEDULE" &&
        error.message.includes("daily 12:00") &&
        error.message.includes("cron expression"),
    );
  });
}

test("a form that is understood leaves its refusals to the schedule, which names the field", () => {
  assert.throws(() => parseSchedule("daily 24:00"), /^daily\.hour: expected a whole number from 0 to 23; got 24$/);
  assert.throws(() => parseSchedule("weekly mondy 09:00"), /^weekly\.day: .*"mondy"/);
  assert.throws(() => parseSchedule("monthly x 09:00"), /^monthly\.day: /);
  assert.throws(() => parseSchedule("61 * * * *"), /minute: expected numbers from 0 to 59/);
  assert.throws(() => parseSchedule("daily({ hour: 1, colour: 2 })"), /colour/);
  assert.throws(() => parseSchedule("daily(12)"), /^daily: expected an object/);
  assert.throws(() => parseSchedule("1 fortnight"), /ERR_INVALID_DURATION|interval: expected/);
});

test.run();
