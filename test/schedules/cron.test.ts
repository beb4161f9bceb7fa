import { cron } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** The first three runs of 2026, in UTC; read off a calendar. */
const written: [expression: string, meaning: string, runs: string[]][] = [
  ["@yearly", "New Year", ["2027-01-01T00:00:00", "2028-01-01T00:00:00", "2029-01-01T00:00:00"]],
  ["@annually", "New Year", ["2027-01-01T00:00:00", "2028-01-01T00:00:00", "2029-01-01T00:00:00"]],
  ["@monthly", "the first", ["2026-02-01T00:00:00", "2026-03-01T00:00:00", "2026-04-01T00:00:00"]],
  ["@weekly", "Sundays", ["2026-01-04T00:00:00", "2026-01-11T00:00:00", "2026-01-18T00:00:00"]],
  ["@daily", "midnight", ["2026-01-02T00:00:00", "2026-01-03T00:00:00", "2026-01-04T00:00:00"]],
  ["@midnight", "midnight", ["2026-01-02T00:00:00", "2026-01-03T00:00:00", "2026-01-04T00:00:00"]],
  ["@hourly", "each hour", ["2026-01-01T01:00:00", "2026-01-01T02:00:00", "2026-01-01T03:00:00"]],
  ["0 0 L * *", "the last day", ["2026-01-31T00:00:00", "2026-02-28T00:00:00", "2026-03-31T00:00:00"]],
  ["0 0 L-2 * *", "two days before it", ["2026-01-29T00:00:00", "2026-02-26T00:00:00", "2026-03-29T00:00:00"]],
  ["0 0 * * 5L", "the last Friday", ["2026-01-30T00:00:00", "2026-02-27T00:00:00", "2026-03-27T00:00:00"]],
  ["0 0 LW * *", "the last workday", ["2026-01-30T00:00:00", "2026-02-27T00:00:00", "2026-03-31T00:00:00"]],
  ["0 0 15W * *", "the nearest workday", ["2026-01-15T00:00:00", "2026-02-16T00:00:00", "2026-03-16T00:00:00"]],
  ["0 0 1W * *", "within the month", ["2026-02-02T00:00:00", "2026-03-02T00:00:00", "2026-04-01T00:00:00"]],
  ["0 0 * * mon#2", "the second Monday", ["2026-01-12T00:00:00", "2026-02-09T00:00:00", "2026-03-09T00:00:00"]],
  ["0 0 * * fri#5", "months with five", ["2026-01-30T00:00:00", "2026-05-29T00:00:00", "2026-07-31T00:00:00"]],
  ["0 9-17/4 * jan mon-fri", "names, steps", ["2026-01-01T09:00:00", "2026-01-01T13:00:00", "2026-01-01T17:00:00"]],
  ["1,5,9 * * * *", "a list", ["2026-01-01T00:01:00", "2026-01-01T00:05:00", "2026-01-01T00:09:00"]],
  ["*/20 * * * * *", "six fields", ["2026-01-01T00:00:20", "2026-01-01T00:00:40", "2026-01-01T00:01:00"]],
  ["0 0 13 * fri", "either day", ["2026-01-02T00:00:00", "2026-01-09T00:00:00", "2026-01-13T00:00:00"]],
];

for (const [expression, meaning, runs] of written) {
  test(`${expression}: ${meaning}`, () => {
    const schedule = cron(expression, { timeZone: "UTC" });
    const found: string[] = [];
    let at: Date | undefined = new Date("2026-01-01T00:00:00Z");
    while (found.length < 3 && (at = schedule.next(at)) !== undefined) found.push(at.toISOString().slice(0, 19));
    assert.equal(found, runs);
  });
}

test.run();
