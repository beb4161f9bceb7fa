import { test } from "uvu";
import * as assert from "uvu/assert";
import { addRun, historyLimit, readHistory, type PastRun } from "../../src/rules/history";

const run = (index: number, more: Partial<PastRun> = {}): PastRun => ({
  runId: `r${index}`,
  node: "host-1-abc",
  scheduledAt: 1_700_000_000_000 + index * 1_000,
  startedAt: 1_700_000_000_005 + index * 1_000,
  endedAt: 1_700_000_000_025 + index * 1_000,
  attempt: 1,
  outcome: "succeeded",
  fencingToken: 7 * 2 ** 20 + index,
  ...more,
});

test("what was added is read back, newest first, with nodes, errors and every outcome", () => {
  const outcomes = ["failed", "timedOut", "aborted", "leaseLost", "discarded", "succeeded"] as const;
  const runs = outcomes.map((outcome, index) =>
    run(index, { outcome, node: index % 3 === 0 ? "a,b;c%" : "other", error: `100% of a;b, "c" ${index}` }),
  );
  const history = runs.reduce<string | undefined>(addRun, undefined);
  assert.equal(readHistory(history), [...runs].reverse());
});

test("a history stays within its bounds", () => {
  let history: string | undefined;
  for (let index = 0; index < 1_000; index++) history = addRun(history, run(index, { error: "x".repeat(5_000) }));
  const read = readHistory(history);
  assert.is(read.length, historyLimit);
  assert.is(read[0]?.runId, "r999");
  assert.is(read[historyLimit - 1]?.node, "host-1-abc");
  assert.ok(history!.length < 2_000, String(history!.length));
});

test("a run that began before its tick, or with a name that begins like another, is read back", () => {
  const history = [
    run(0, { node: "node-1" }),
    run(1, { node: "node" }),
    run(2, { startedAt: 1_699_999_999_000 }),
  ].reduce<string | undefined>(addRun, undefined);
  assert.equal(
    readHistory(history).map(({ node }) => node),
    ["host-1-abc", "node", "node-1"],
  );
  assert.is(readHistory(history)[0]?.startedAt, 1_699_999_999_000);
});

test("what is no history is none", () => {
  assert.equal(readHistory(undefined), []);
  assert.equal(readHistory("nonsense;a,b,c;;,,,,,,,"), []);
});

test.run();
