import { test } from "uvu";
import * as assert from "uvu/assert";
import { EscalationError } from "../../src/supervision/crash-report";

const inner = new EscalationError({
  supervisor: "consumers",
  strategy: "one_for_one",
  intensity: { restarts: 1, within: 5_000 },
  child: "orders",
  error: new Error("connection refused", { cause: new Error("no route") }),
  exits: [
    { child: "orders", at: 1_000 },
    { child: "orders", at: 3_500 },
  ],
  children: ["orders", "invoices"],
});
const outer = new EscalationError({
  supervisor: "ingest",
  strategy: "rest_for_one",
  intensity: { restarts: 0, within: 60_000 },
  child: "consumers",
  error: inner,
  exits: [{ child: "consumers", at: 3_500 }],
  children: Array.from({ length: 25 }, (_, index) => `child-${String(index)}`),
});

test("the message is one line: who gave up, whose end it was, how many restarts are allowed, who is stopped", () => {
  assert.is(
    inner.message,
    'supervisor "consumers" gives up: "orders" ended once more after 1 restart within 5s (one_for_one); ' +
      'stopped: "orders", "invoices"',
  );
  assert.is(inner.code, "ERR_RESTART_INTENSITY");
  assert.ok(outer.message.endsWith("5 more"));
});

test("the report says when each child ended", () => {
  assert.match(inner.report, 'ended    "orders" 2.5 s before, "orders" now');
});

test("the report of the uppermost holds those below it and the chain of causes to its end", () => {
  for (const part of [
    '"ingest" (rest_for_one)',
    '"consumers" (one_for_one)',
    "connection refused",
    "caused by",
    "no route",
  ]) {
    assert.ok(outer.report.includes(part), `${part} is missing in ${outer.report}`);
  }
  assert.is(outer.cause, inner);
});

test("a child that ended without an error is told as such", () => {
  const { report, cause } = new EscalationError({
    supervisor: "s",
    strategy: "one_for_all",
    intensity: { restarts: 0, within: 1_000 },
    child: "quiet",
    error: undefined,
    exits: [{ child: "quiet", at: 0 }],
    children: ["quiet"],
  });
  assert.match(report, '"quiet" ended, and it is to run for ever');
  assert.is(cause, undefined);
});

test.run();
