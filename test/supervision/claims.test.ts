import { interval } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable } from "../helpers/breakable-store";
import { inMemory } from "../helpers/world";

inMemory("two nodes that were given one name by mistake do not run at once", async (world) => {
  let running = 0;
  let runs = 0;
  for (const time of [1, 2]) {
    const runtime = world.runtime({ nodeId: "same", lease: "3s" });
    runtime.spawn({
      name: "t",
      schedule: interval("10s"),
      run: async () => {
        runs += 1;
        running += 1;
        assert.is(running, 1, `two runs at once, the second on runtime ${String(time)}`);
        await world.pause(6_000);
        running -= 1;
      },
    });
    await runtime.start();
    await world.clock.advance("1s");
  }
  await world.clock.advance("57s");
  assert.is(runs, 6);
});

inMemory("a restarted node with its old name waits for what it left behind like any other", async (world) => {
  const clock = world.otherClock();
  const starts: number[] = [];
  for (const own of [clock, world.clock]) {
    const runtime = world.runtime({ nodeId: "worker", clock: own, lease: "3s" });
    runtime.spawn({
      name: "t",
      schedule: interval("1m"),
      run: () => {
        starts.push(own.monotonic());
        return own === clock ? new Promise<never>(() => undefined) : undefined;
      },
    });
    await runtime.start();
    await own.advance(1);
  }
  assert.equal(starts, [0]);
  await world.clock.advance("3299ms");
  assert.equal(starts, [0, 3_300]);
});

inMemory(
  "a claim whose answer took longer than two thirds of its lease starts nothing, and is made anew",
  async (world) => {
    const way = breakable(world.store);
    const { reached, release } = way.hold('"running"');
    const starts: number[] = [];
    const runtime = world.runtime({ store: way.store, lease: "15s" });
    runtime.spawn({
      name: "t",
      schedule: interval("1h"),
      run: ({ attempt }) => {
        starts.push(world.clock.monotonic());
        assert.is(attempt, 1);
      },
    });
    await runtime.start();
    await reached;
    await Promise.all([world.clock.advance("10s"), Promise.resolve()]);
    release();
    await world.clock.advance("1s");
    assert.is(starts.length, 1);
    assert.ok((starts[0] ?? 0) > 10_000, String(starts[0]));
    assert.is(world.lines.filter(({ event }) => event === "START").length, 1);
    assert.match(
      world.lines.find(({ event }) => event === "OFFLINE")?.err?.message ?? "",
      /longer than its lease allows/,
    );
  },
);

test.run();
