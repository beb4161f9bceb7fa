import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { freshRecord, readRecord, recordFormat, recordVersion, type TaskRecord } from "../../src/rules/task-record";

const written = (more: object = {}): string => JSON.stringify({ ...freshRecord(1_000), ...more });
const kindOf = (value: string | undefined): string => readRecord(value).kind;

test("a fresh record is free, done and counts from when the task was first seen", () => {
  const record = freshRecord(1_000);
  assert.is(record.format, recordFormat);
  assert.is(record.version, recordVersion);
  assert.is(record.holder, "");
  assert.is(record.tick, null);
  assert.is(record.since, 1_000);
  assert.is(record.state, "done");
  assert.is(record.attempt, 0);
  assert.is(record.failures, 0);
});

test("what was written is read back as it was", () => {
  const records: Partial<TaskRecord>[] = [
    {},
    {
      holder: "a",
      lease: 15_000,
      renewals: 3,
      runId: "r",
      tick: 5_000,
      state: "running",
      attempt: 2,
      startedAt: 5_001,
    },
    { tick: 0, state: "open", attempt: 1 },
    { tick: 5_000, state: "retry", retryAt: 6_000, attempt: 1, failures: 1, lastFailure: 5_500, lastError: "no" },
    { tick: 5_000, catchUp: { index: 2, of: 3 }, lastSuccess: 5_100 },
  ];
  for (const more of records) {
    const record = { ...freshRecord(1_000), ...more };
    assert.equal(readRecord(JSON.stringify(record)), { kind: "record", record });
  }
});

test("fields that a later edition of this version adds are kept", () => {
  const read = readRecord(written({ later: { kept: true } }));
  assert.is(read.kind, "record");
  assert.equal((read as unknown as { record: { later: object } }).record.later, { kept: true });
});

test("nothing, something corrupt and something that is not ours count as none (N6)", () => {
  const none: (string | undefined)[] = [
    ...[undefined, "", "{", "null", "42", '"text"', "[]", "{}"],
    written({ format: "somebody-else" }),
    written({ version: "1" }),
    written({ version: 0 }),
    written({ holder: 7 }),
    written({ lease: "15s" }),
    written({ renewals: null }),
    written({ runId: undefined }),
    written({ since: null }),
    written({ attempt: "1" }),
    written({ failures: undefined }),
    written({ tick: "now" }),
    written({ tick: undefined }),
    written({ state: "asleep" }),
    written({ state: "retry" }),
    written({ state: "retry", retryAt: "soon" }),
  ];
  for (const value of none) assert.is(kindOf(value), "none", String(value));
});

test("a record of a newer version is told from a corrupt one, whatever else it holds", () => {
  assert.equal(readRecord(JSON.stringify({ format: recordFormat, version: recordVersion + 1 })), {
    kind: "newer",
    version: recordVersion + 1,
  });
});

test("whatever the store holds, reading it never throws, and what it calls a record has all its numbers", () => {
  const nearly = fc
    .record({
      holder: fc.oneof(fc.string(), fc.anything()),
      tick: fc.oneof(fc.integer(), fc.constant(null), fc.anything()),
      state: fc.oneof(fc.constantFrom("running", "open", "retry", "done"), fc.anything()),
      retryAt: fc.oneof(fc.integer(), fc.anything()),
      attempt: fc.oneof(fc.nat(), fc.anything()),
    })
    .map((fields) => {
      try {
        return written(fields);
      } catch {
        return "";
      }
    });
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), nearly), (value) => {
      const read = readRecord(value);
      if (read.kind !== "record") return;
      const { lease, renewals, since, attempt, failures } = read.record;
      for (const number of [lease, renewals, since, attempt, failures]) assert.ok(Number.isFinite(number));
    }),
    { numRuns: 500 },
  );
});

test.run();
