import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withNoOverlap } from "../../src/tasks/with-no-overlap";
import { deferred, rejection } from "./support";

test("a call while a run has not ended resolves at once, without running the task", async () => {
  const gate = deferred();
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
  let runs = 0;
  const task = withNoOverlap(async () => {
    runs += 1;
    await gate.promise;
    return "done";
  });
  const first = task();
  assert.is(await task({ logger }), undefined);
  assert.is(runs, 1);
  assert.match(lines.join(""), "skipped: the run before it has not ended");
  gate.resolve();
  assert.is(await first, "done");
});

test("it runs again once the run has ended, also when that failed or threw at once", async () => {
  const boom = new Error("boom");
  let runs = 0;
  const task = withNoOverlap(() => {
    runs += 1;
    if (runs === 1) throw boom;
    return runs === 2 ? Promise.reject(boom) : runs;
  });
  assert.is(await rejection(task()), boom);
  assert.is(await rejection(task()), boom);
  assert.is(await task(), 3);
});

test("two of them do not hold each other up, and the context is handed on", async () => {
  const gate = deferred();
  const names: string[] = [];
  const run = async ({ name }: { name: string }): Promise<void> => {
    names.push(name);
    await gate.promise;
  };
  const both = [withNoOverlap(run)({ name: "a" }), withNoOverlap(run)({ name: "b" })];
  assert.equal(names, ["a", "b"]);
  gate.resolve();
  await Promise.all(both);
});

test("what is not a function is refused", () => {
  assert.throws(() => withNoOverlap(3 as never), /withNoOverlap: task 1: expected a function/);
});

test.run();
