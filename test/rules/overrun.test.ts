import { test } from "uvu";
import * as assert from "uvu/assert";
import { expectedEnd } from "../../src/rules/overrun";
import type { QueueRecord } from "../../src/rules/queue-record";

const once: QueueRecord = { v: 1, id: "task", payload: null, due: 1_000, attempt: 1 };
const overdue = 300_000;

test("a run is expected to end within its timeout and five seconds to heed it", () => {
  assert.is(expectedEnd(once, 2_000, { timeout: 200, overdue }).at, 7_200);
});

test("one that repeats is expected to end half a period after its next time, at most five minutes after it", () => {
  assert.is(expectedEnd({ ...once, every: 10_000 }, 2_000, { timeout: undefined, overdue }).at, 16_000);
  assert.is(expectedEnd({ ...once, every: 3_600_000 }, 2_000, { timeout: undefined, overdue }).at, 3_901_000);
  const daily = { ...once, cron: "0 0 * * *", timeZone: "UTC" };
  assert.is(expectedEnd(daily, 2_000, { timeout: undefined, overdue }).at, 86_700_000);
});

test("of both the first counts", () => {
  assert.is(expectedEnd({ ...once, every: 1_000 }, 2_000, { timeout: 60_000, overdue }).at, 3_500);
  assert.is(expectedEnd({ ...once, every: 600_000 }, 2_000, { timeout: 100, overdue }).at, 7_100);
});

test("what neither limits is expected to end within the queue's own time", () => {
  assert.is(expectedEnd(once, 2_000, { timeout: undefined, overdue: 60_000 }).at, 62_000);
});

test.run();
