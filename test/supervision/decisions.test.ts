import { createRuntime, interval, memoryStore, type RuntimeEvent } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const logger = pino({ level: "silent" });
const start = "2026-01-01T00:00:00Z";

function makeNode(store = memoryStore(), clock = virtualClock({ start }), nodeId = "a") {
  return { clock, store, runtime: createRuntime({ store, clock, logger, nodeId }) };
}

test("a status says why a task ran here: one decision for each tick, and the runs behind them", async () => {
  const { clock, runtime } = makeNode();
  const handle = runtime.spawn({ name: "t", schedule: interval("1m"), run: () => undefined });
  await runtime.start();
  await clock.advance("20m");
  const { decisions, history } = handle.status();
  assert.ok(decisions.length <= 8);
  assert.ok(decisions.every(({ decision }) => decision === "ranHere"));
  assert.is(decisions[0]?.tick?.toISOString(), "2026-01-01T00:20:00.000Z");
  assert.is(history.length, 10);
  assert.equal(history[0]?.scheduledAt, new Date("2026-01-01T00:20:00Z"));
  assert.is(history[0]?.outcome, "succeeded");
  assert.ok(history[0]!.fencingToken > history[1]!.fencingToken);
  await runtime.stop();
});

test("a node that does not run a task says which node does, and sees the runs of that node", async () => {
  const one = makeNode();
  const other = makeNode(one.store, one.clock, "b");
  const spec = { name: "t", schedule: interval("1m", { immediate: false }) };
  let end = (): void => undefined;
  one.runtime.spawn({ ...spec, run: () => new Promise<void>((resolve) => (end = resolve)) });
  await one.runtime.start();
  await one.clock.advance("61s");
  const seen: RuntimeEvent[] = [];
  other.runtime.events.subscribe((event) => seen.push(event));
  const handle = other.runtime.spawn({ ...spec, run: () => undefined });
  await other.runtime.start();
  await one.clock.advance("1s");
  assert.is(handle.status().decisions[0]?.decision, "heldElsewhere");
  assert.is(handle.status().decisions[0]?.node, "a");
  assert.is(seen.filter(({ type }) => type === "notRun").length, 1);
  end();
  await one.clock.advance("1s");
  assert.equal(
    handle
      .status()
      .decisions.map(({ decision }) => decision)
      .slice(0, 2),
    ["notDue", "ranElsewhere"],
  );
  assert.is(handle.status().history[0]?.node, "a");
  await Promise.all([one.runtime.stop(), other.runtime.stop()]);
});

test("paused, missed and retried ticks are told", async () => {
  const { clock, runtime, store } = makeNode();
  const paused = runtime.spawn({ name: "paused", schedule: interval("1m"), run: () => undefined });
  const failing = runtime.spawn({
    name: "failing",
    schedule: interval("1h"),
    run: () => {
      throw new Error("no luck");
    },
  });
  await runtime.start();
  await clock.advance("30s");
  paused.pause();
  paused.resume();
  paused.pause();
  await clock.advance("5m");
  assert.is(failing.status().history[0]?.error, "no luck");
  assert.ok(paused.status().decisions.some(({ decision }) => decision === "ranHere"));
  await runtime.stop();
  assert.ok(store);
});

test("a task that is paused in its record runs on no node, and runs on as soon as it is resumed", async () => {
  const { clock, runtime, store } = makeNode();
  const runs: Date[] = [];
  const handle = runtime.spawn({
    name: "t",
    schedule: interval("1m"),
    run: ({ scheduledAt }) => void runs.push(scheduledAt),
  });
  await runtime.start();
  await clock.advance("90s");
  const before = runs.length;
  const write = async (paused: boolean): Promise<void> => {
    const entry = (await store.map("leases").get("task.t"))!;
    const record = JSON.parse(entry.value) as object;
    await store.map("leases").update("task.t", JSON.stringify({ ...record, paused }), entry.revision);
  };
  await write(true);
  await clock.advance("10m");
  assert.is(runs.length, before);
  assert.is(handle.status().paused, true);
  assert.is(handle.status().decisions[0]?.decision, "paused");
  await write(false);
  await clock.advance("2m");
  assert.ok(runs.length > before);
  assert.is(handle.status().paused, false);
  await runtime.stop();
});

test("a pause that was written while a run was on outlives the end of that run", async () => {
  const { clock, runtime, store } = makeNode();
  let end = (): void => undefined;
  const handle = runtime.spawn({
    name: "t",
    schedule: interval("1m"),
    run: () => new Promise<void>((resolve) => (end = resolve)),
  });
  await runtime.start();
  await clock.advance("1s");
  const entry = (await store.map("leases").get("task.t"))!;
  const record = JSON.parse(entry.value) as object;
  await store.map("leases").update("task.t", JSON.stringify({ ...record, paused: true }), entry.revision);
  await clock.advance("30s");
  end();
  await clock.advance("10m");
  assert.is(handle.status().history.length, 1);
  assert.is(handle.status().paused, true);
  await runtime.stop();
});

test("a task in a branch is stopped and restarted by its handle", async () => {
  const { clock, runtime } = makeNode();
  let starts = 0;
  runtime.supervise({
    name: "branch",
    children: [
      {
        name: "t",
        run: ({ signal }) => {
          starts += 1;
          return new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      },
    ],
  });
  await runtime.start();
  await clock.advance("1s");
  const entries = runtime.outline();
  assert.equal(
    entries.map(({ name, parent, depth, kind }) => [name, parent, depth, kind]),
    [
      ["root", undefined, 0, "supervisor"],
      ["branch", "root", 1, "supervisor"],
      ["t", "branch", 2, "task"],
    ],
  );
  await runtime.get("t")!.restart();
  await clock.advance("1s");
  assert.is(starts, 2);
  await runtime.get("t")!.stop();
  assert.is(runtime.get("t"), undefined);
  await runtime.stop();
});

test.run();
