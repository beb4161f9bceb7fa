import { cron, daily, interval, monthly, OstinatoError, weekly } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** What is asked for; the code; what the message must name: the field, the value and what is allowed. */
const refused: [asked: () => unknown, code: string, named: string[]][] = [
  [() => daily({ hour: 24 }), "ERR_INVALID_SCHEDULE", ["daily.hour", "0 to 23", "got 24"]],
  [() => daily({ hour: 1, minute: 60 }), "ERR_INVALID_SCHEDULE", ["daily.minute", "0 to 59", "got 60"]],
  [() => daily({ hour: 1, second: -1 }), "ERR_INVALID_SCHEDULE", ["daily.second", "0 to 59", "got -1"]],
  [() => monthly({ day: 0, hour: 1 }), "ERR_INVALID_SCHEDULE", ["monthly.day", "1 to 31", "-1", "got 0"]],
  [() => monthly({ day: 32, hour: 1 }), "ERR_INVALID_SCHEDULE", ["monthly.day", "1 to 31", "got 32"]],
  [() => weekly({ day: 9, hour: 1 }), "ERR_INVALID_SCHEDULE", ["weekly.day", "0 (Sunday) to 7", "got 9"]],
  [
    () => daily({ hour: 1, timeZone: "Europe/Pariss" }),
    "ERR_INVALID_TIME_ZONE",
    ["daily.timeZone", 'got "Europe/Pariss"', 'did you mean "Europe/Paris"'],
  ],
  [() => interval("5 parsecs" as "5m"), "ERR_INVALID_DURATION", ["interval", '"90s"', 'got "5 parsecs"']],
  [() => interval(0), "ERR_INVALID_DURATION", ["interval", "at least 1ms", "got 0"]],
  [() => cron("0 0 31 2 *"), "ERR_INVALID_SCHEDULE", ["0 0 31 2 *", "never run"]],
  [() => cron("0 24 * * *"), "ERR_INVALID_SCHEDULE", ["hour", "0 to 23", 'got "24"']],
  [() => cron("60 * * * *"), "ERR_INVALID_SCHEDULE", ["minute", "0 to 59", 'got "60"']],
  [() => cron("0 0 0 * *"), "ERR_INVALID_SCHEDULE", ["day of month", "1 to 31", 'got "0"']],
  [() => cron("0 0 * 13 *"), "ERR_INVALID_SCHEDULE", ["month", "1 to 12", 'got "13"']],
  [() => cron("0 0 * * 8"), "ERR_INVALID_SCHEDULE", ["day of week", "0 to 7", 'got "8"']],
  [() => cron("0 0 * * 1#6"), "ERR_INVALID_SCHEDULE", ["day of week", "5#3", 'got "1#6"']],
  [() => cron("*/0 * * * *"), "ERR_INVALID_SCHEDULE", ["minute", "a step from 1 to 60", '"*/0"']],
  [() => cron("5-3 * * * *"), "ERR_INVALID_SCHEDULE", ["minute", "go up", '"5-3"']],
  [() => cron("0 0 * *"), "ERR_INVALID_SCHEDULE", ["5 or 6 fields", '"0 0 * *"']],
  [() => cron("@dayly"), "ERR_INVALID_SCHEDULE", ["@daily", '"@dayly"']],
];

for (const [asked, code, named] of refused) {
  test(`refused with field, value and what is allowed: ${named.join(", ")}`, () => {
    try {
      asked();
    } catch (error) {
      assert.instance(error, OstinatoError);
      assert.is((error as OstinatoError).code, code);
      for (const part of named) assert.ok((error as Error).message.includes(part), (error as Error).message);
      return;
    }
    assert.unreachable("it was accepted");
  });
}

test.run();
