import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRuntime, type Task } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

/** Megabytes that are still held after collection. */
async function heldMb(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 4; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** The goal is a second each; five, because tests share the machine. The bench prints the figures. */
const tenThousandMs = 5_000;

test("S10 10,000 children start and stop in about a second, and their memory returns", async () => {
  let live = 0;
  const run: Task = ({ signal }) =>
    new Promise<void>((resolve) => {
      live += 1;
      signal.addEventListener("abort", () => {
        live -= 1;
        resolve();
      });
    });
  const liveAndDie = async (count: number): Promise<void> => {
    const runtime = createRuntime({ logger: pino({ level: "silent" }) });
    const begun = performance.now();
    for (let index = 0; index < count; index += 1) runtime.spawn({ name: `child-${String(index)}`, run });
    await runtime.start();
    while (live < count) await new Promise((resolve) => setImmediate(resolve));
    const started = performance.now() - begun;
    await runtime.stop();
    const stopped = performance.now() - begun - started;
    assert.is(live, 0);
    const times = `${started.toFixed(0)} ms to start, ${stopped.toFixed(0)} ms to stop`;
    assert.ok(started < tenThousandMs && stopped < tenThousandMs, times);
  };
  await liveAndDie(1_000);
  const before = await heldMb();
  await liveAndDie(10_000);
  const grown = (await heldMb()) - before;
  assert.ok(grown < 5, `${grown.toFixed(1)} MB did not return`);
});

test("S10 short-lived children leave none behind: not in the tree, not in memory", async () => {
  const runtime = createRuntime({ logger: pino({ level: "silent" }) });
  await runtime.start();
  let runs = 0;
  const liveShortly = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      for (let index = 0; index < 1_000; index += 1) {
        runtime.spawn({ name: `short-${String(index)}`, restart: "temporary", run: () => (runs += 1) });
      }
      while (runtime.get("short-999") !== undefined) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await liveShortly(3);
  const before = await heldMb();
  await liveShortly(30);
  const grown = (await heldMb()) - before;
  assert.is(runs, 33_000);
  assert.is(runtime.toString().split("\n").length, 1, runtime.toString().slice(0, 500));
  assert.ok(grown < 5, `${grown.toFixed(1)} MB did not return`);
  await runtime.stop();
});

test.run();
