import { test } from "uvu";
import * as assert from "uvu/assert";
import { OstinatoError, type ErrorCode } from "../../src/errors";
import {
  fencingToken,
  mayTake,
  mustStop,
  observe,
  patience,
  readFailure,
  readLease,
  renewAt,
  sleptSince,
  stopAt,
  trustedUntil,
  wasItMine,
  type LeaseFields,
} from "../../src/rules/lease";

const lease = 15_000;
const record: LeaseFields = { holder: "a", boot: "x", tenure: 3, lease, acquired: 7, renewals: 2 };

test("An observation begins when a changed revision is seen, and does not move while it stands", () => {
  const first = observe(undefined, 5, 100);
  assert.equal(first, { revision: 5, seenAt: 100 });
  assert.is(observe(first, 5, 900), first);
  assert.equal(observe(first, 6, 900), { revision: 6, seenAt: 900 });
});

test("A revision that went backwards counts as changed", () => {
  assert.equal(observe({ revision: 5, seenAt: 100 }, 4, 900), { revision: 4, seenAt: 900 });
});

test("What is absent or released may be taken at once", () => {
  assert.equal(mayTake(undefined, { seenAt: 0 }, 0, lease), { take: true });
  assert.equal(mayTake({ ...record, holder: "" }, { seenAt: 0 }, 0, lease), { take: true });
});

test("A stranger's record may be taken once it has stood for the longer of both leases and a little more", () => {
  for (const [theirs, ours, wait] of [
    [15_000, 15_000, 15_500],
    [15_000, 1_000, 15_500],
    [1_000, 15_000, 15_500],
    [1_000, 1_000, 1_100],
  ] as const) {
    const held = { ...record, lease: theirs };
    assert.equal(mayTake(held, { seenAt: 50 }, 50, ours), { take: false, waitMs: wait });
    assert.equal(mayTake(held, { seenAt: 50 }, 49 + wait, ours), { take: false, waitMs: 1 });
    assert.equal(mayTake(held, { seenAt: 50 }, 50 + wait, ours), { take: true });
  }
});

test("A fixed record may be taken exactly when its length has passed, whatever the observer goes by", () => {
  const fixed = { ...record, fixed: true as const, lease: 60_000 };
  assert.equal(mayTake(fixed, { seenAt: 0 }, 59_999, 90_000), { take: false, waitMs: 1 });
  assert.equal(mayTake(fixed, { seenAt: 0 }, 60_000, 90_000), { take: true });
});

test("One's own left-over record may be taken at once; an earlier process of the same name is somebody else", () => {
  assert.equal(mayTake(record, { seenAt: 0 }, 0, lease, { holder: "a", boot: "x" }), { take: true });
  assert.is(mayTake(record, { seenAt: 0 }, 0, lease, { holder: "a", boot: "y" }).take, false);
  assert.is(mayTake(record, { seenAt: 0 }, 0, lease, { holder: "b", boot: "x" }).take, false);
});

test("A holder renews at a third, tells its work to stop before two thirds, and stops there", () => {
  assert.is(renewAt(1_000, lease), 6_000);
  assert.is(stopAt(1_000, lease), 9_750);
  assert.is(trustedUntil(1_000, lease), 11_000);
});

test("Holder and observer are apart by a third of the lease, also when their clocks run at different rates", () => {
  for (const length of [1_000, 15_000, 86_400_000]) {
    assert.ok(patience(length) / trustedUntil(0, length) >= 1.5);
  }
});

test("A wall that moved against elapsed time may tell of a suspend; one that was adjusted a little does not", () => {
  assert.ok(sleptSince(100, 2_101, lease));
  assert.not.ok(sleptSince(100, 2_100, lease));
  assert.ok(sleptSince(100, -3_600_000, lease));
  assert.ok(sleptSince(0, 401, 1_200), "a short lease allows for less");
});

test("A record read again tells which unanswered attempt it shows", () => {
  const tenure = { holder: "a", boot: "x", tenure: 3 };
  const since = { startedAt: 500, skew: 7 };
  const attempts = new Map([
    [2, since],
    [3, { startedAt: 800, skew: 7 }],
  ]);
  assert.equal(wasItMine(record, tenure, attempts), { mine: true, since });
  assert.equal(wasItMine({ ...record, renewals: 1 }, tenure, attempts), { mine: true, since: undefined });
  for (const other of [undefined, { ...record, holder: "b" }, { ...record, boot: "y" }, { ...record, tenure: 2 }]) {
    assert.equal(wasItMine(other, tenure, attempts), { mine: false, holder: other?.holder });
  }
});

test("A holder must stop before the end of trust, and as soon as its wall has moved", () => {
  const since = { startedAt: 1_000, skew: 50 };
  const at = (startedAt: number, skew = 50): string | undefined => mustStop(since, { startedAt, skew }, lease);
  assert.is(at(stopAt(1_000, lease) - 1), undefined);
  assert.is(at(stopAt(1_000, lease)), "lapsed");
  assert.is(at(1_000, 50 + 2_001), "slept");
  assert.is(at(1_000, 50 - 2_001), "slept");
});

test("A failed write has changed nothing, perhaps something, or is not worth repeating", () => {
  const read = (code: ErrorCode): string => readFailure(new OstinatoError(code, "x"));
  assert.is(read("ERR_STORE_UNAVAILABLE"), "unchanged");
  assert.is(read("ERR_STORE_FULL"), "unchanged");
  assert.is(read("ERR_STORE_UNKNOWN"), "unknown");
  assert.is(read("ERR_STORE_CLOSED"), "hopeless");
  assert.is(read("ERR_STORE_PERMISSION"), "hopeless");
  assert.is(readFailure(new Error("what is this?")), "unknown");
});

test("A fencing token grows with the revision, and with the store's creation although revisions begin anew", () => {
  const created = 1_790_000_000;
  assert.is(fencingToken(0, 7), 7);
  assert.ok(fencingToken(created, 8) > fencingToken(created, 7));
  assert.ok(fencingToken(created + 1, 1) > fencingToken(created, 1_000_000));
  assert.ok(Number.isSafeInteger(fencingToken(created, 10_000_000_000)));
});

test("A fencing token that would not be exact is refused", () => {
  for (const [epoch, revision] of [
    [2 ** 33, 1],
    [-1, 5],
    [1, 0],
    [0.3, 1],
    [0, NaN],
  ] as const) {
    assert.throws(
      () => fencingToken(epoch, revision),
      (error: OstinatoError) => error.code === "ERR_STORE_SETTINGS",
    );
  }
});

test("What is not a lease record is not read as one", () => {
  assert.equal(readLease(JSON.stringify({ ...record, more: 1 })), { ...record, more: 1 });
  for (const value of [undefined, "", "{", "null", "7", "{}", JSON.stringify({ ...record, lease: "15s" })]) {
    assert.is(readLease(value), undefined);
  }
});

test.run();
