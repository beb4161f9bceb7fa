import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Schedule } from "../../src/schedule";
import { cron } from "../../src/schedules/cron";
import { daily } from "../../src/schedules/daily";
import { checksOf, zoneNames } from "../helpers/calendar-checks";

/*
 * Goal: no fault at any offset change of any zone from 2000 to 2037. Method: the changes and the right answers come
 * from Intl and a minute-by-minute search (test/helpers), which share nothing with the schedules.
 */
test("T14 daily times and elapsed crons keep the calendar rules at every change of every zone from 2000 to 2037", () => {
  let checks = 0;
  const changes = new Set<string>();
  const faults: string[] = [];
  for (const zone of zoneNames) {
    const made = new Map<string, Schedule>();
    for (const check of checksOf(zone)) {
      const { expression, after, expected } = check;
      let schedule = made.get(expression);
      if (schedule === undefined) made.set(expression, (schedule = build(check.kind, expression, zone)));
      const due = schedule.next(new Date(after))?.getTime();
      checks += 1;
      changes.add(`${zone} ${String(check.change.at)}`);
      if (due !== expected) faults.push(`${String(schedule)} after ${iso(after)}: ${iso(due)}, not ${iso(expected)}`);
    }
  }
  console.log(`${String(zoneNames.length)} zones, ${String(changes.size)} changes, ${String(checks)} checks`);
  assert.equal(faults.slice(0, 20), [], `${String(faults.length)} faults`);
  assert.ok(zoneNames.length >= 400 && changes.size >= 11_000, "too few zones or changes to mean anything");
});

function build(kind: string, expression: string, timeZone: string): Schedule {
  if (kind === "elapsed") return cron(expression, { timeZone });
  const [minute, hour] = expression.split(" ").map(Number) as [number, number];
  return daily({ hour, minute, timeZone });
}

function iso(instant: number | undefined): string {
  return instant === undefined ? "never" : new Date(instant).toISOString();
}

test.run();
