import { test } from "uvu";
import * as assert from "uvu/assert";
import { nextDue, readAssignment } from "../../src/rules/queue-record";

const now = Date.parse("2026-01-01T12:00:00Z");
const dueOf = (at?: string): string => {
  const given = { id: "a", payload: 1, cron: "0 9 * * *", timeZone: "UTC" };
  const record = readAssignment(at === undefined ? given : { ...given, at: Date.parse(at) }, now, 1_000);
  return new Date(record.due).toISOString();
};

test("a calendar begins at its first time from `at` on, that time included: what was listed can be assigned again", () => {
  assert.is(dueOf(), "2026-01-02T09:00:00.000Z");
  assert.is(dueOf("2026-02-03T09:00:00Z"), "2026-02-03T09:00:00.000Z");
  assert.is(dueOf("2026-02-03T09:00:00.001Z"), "2026-02-04T09:00:00.000Z");
  assert.is(dueOf("2025-12-31T09:00:00Z"), "2025-12-31T09:00:00.000Z");
});

test("a calendar's next time is later than the last", () => {
  const record = readAssignment({ id: "a", payload: 1, cron: "0 9 * * *", timeZone: "UTC", at: now }, now, 1_000);
  assert.is(nextDue(record, record.due), Date.parse("2026-01-03T09:00:00Z"));
});

test.run();
