import fc from "fast-check";
import type { Outcome } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseRetry } from "../../src/rules/backoff";
import { afterRun, type RunResult } from "../../src/rules/record-end";
import { freshRecord, readRecord, type TaskRecord } from "../../src/rules/task-record";

const retry = parseRetry("retry", { initialDelay: "1s", maxDelay: "1m", jitter: 0, limit: 2 });
const running: TaskRecord = {
  ...freshRecord(0),
  ...{ holder: "node", lease: 15_000, renewals: 4, runId: "run", tick: 10_000, state: "running" as const },
  ...{ attempt: 1, startedAt: 10_005, failures: 5, lastSuccess: 9_000, lastError: "the one before" },
};
const end = (result: RunResult, record: Partial<TaskRecord> = {}, retries = true): TaskRecord =>
  afterRun({ ...running, ...record }, result, { now: 10_500, node: "node", retry, random: 0.5, retries, token: 77 });
const outcomes: Outcome[] = ["succeeded", "failed", "timedOut", "aborted", "leaseLost", "discarded"];

test("however it ended, the record is free for everyone, keeps its tick and tells of the run", () => {
  for (const outcome of outcomes) {
    const after = end({ outcome, error: "why" });
    assert.is(after.holder, "", outcome);
    assert.is(after.renewals, 0);
    assert.is(after.tick, 10_000);
    assert.equal(after.previousRun, {
      ...{ runId: "run", node: "node", scheduledAt: 10_000, startedAt: 10_005, endedAt: 10_500 },
      ...{ attempt: 1, outcome, error: "why" },
    });
    assert.is(readRecord(JSON.stringify(after)).kind, "record");
  }
});

test("what each outcome means for the tick and for the counts", () => {
  const failure = { failures: 6, lastFailure: 10_500 };
  const table: [Outcome, TaskRecord["state"], Partial<TaskRecord>][] = [
    ["succeeded", "done", { failures: 0, lastSuccess: 10_500, lastError: "the one before" }],
    ["failed", "retry", { ...failure, retryAt: 11_500, lastError: "why" }],
    ["timedOut", "retry", { ...failure, retryAt: 11_500, lastError: "why" }],
    ["leaseLost", "retry", { ...failure, retryAt: 11_500 }],
    ["discarded", "done", { ...failure, lastError: "why" }],
    ["aborted", "open", { failures: 5, lastSuccess: 9_000, lastError: "the one before" }],
  ];
  for (const [outcome, state, fields] of table) {
    const after = end({ outcome, error: "why" });
    assert.is(after.state, state, outcome);
    for (const [field, value] of Object.entries(fields)) {
      assert.equal(after[field as keyof TaskRecord], value, `${outcome}: ${field}`);
    }
  }
  assert.is(end({ outcome: "aborted" }).lastFailure, undefined, "a run that was cut short counts for nothing (N24)");
});

test("retries grow by the backoff until the limit, then the tick is given up", () => {
  const waits = [1, 2, 3].map((attempt) => end({ outcome: "failed" }, { attempt }));
  assert.equal(
    waits.map(({ state, retryAt }) => (state === "retry" ? (retryAt ?? 0) - 10_500 : state)),
    [1_000, 2_000, "done"],
  );
});

test("a task chooses its wait itself, also 0, but not beyond the limit", () => {
  assert.is(end({ outcome: "failed", retryAfter: 30_000 }).retryAt, 40_500);
  assert.is(end({ outcome: "failed", retryAfter: 0 }).retryAt, 10_500);
  assert.is(end({ outcome: "failed", retryAfter: 1 }, { attempt: 3 }).state, "done");
});

test("work without retries is done after each end: its supervisor decides", () => {
  for (const outcome of outcomes) assert.is(end({ outcome }, {}, false).state, "done", outcome);
});

test("what was not claimed by a tick counts from now", () => {
  const { startedAt, ...unstarted } = running;
  assert.type(startedAt, "number");
  const { previousRun } = afterRun(
    { ...unstarted, tick: null },
    { outcome: "succeeded" },
    {
      ...{ now: 10_500, node: "node", retry, random: 0, retries: true, token: 1 },
    },
  );
  assert.is(previousRun?.scheduledAt, 10_500);
  assert.is(previousRun?.startedAt, 10_500);
  assert.is(previousRun?.error, undefined);
});

test("whatever happened before, the end leaves the given record alone and one that can be read", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...outcomes),
      fc.integer({ min: 1, max: 10 }),
      fc.nat({ max: 1_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.boolean(),
      (outcome, attempt, failures, random, retries) => {
        const before = Object.freeze({ ...running, attempt, failures });
        const at = { now: 20_000, node: "node", retry: parseRetry("retry"), random, retries, token: 1 };
        const after = afterRun(before, { outcome }, at);
        assert.is(readRecord(JSON.stringify(after)).kind, "record");
        assert.is(after.failures, { succeeded: 0, aborted: failures }[outcome as string] ?? failures + 1);
        if (after.state === "retry") assert.ok((after.retryAt ?? 0) > 20_000);
      },
    ),
    { numRuns: 300 },
  );
});

test.run();
