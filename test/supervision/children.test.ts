import type { SpawnSpec, TaskContext } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { supervised, Troupe, soon } from "../helpers/troupe";
import { inMemory } from "../helpers/world";

inMemory(
  "rest_for_one: a child that fails while a later one waits longer takes nobody's restart away",
  async (world) => {
    const troupe = new Troupe();
    await supervised(world, {
      strategy: "rest_for_one",
      children: [troupe.child("a"), troupe.child("b", { retry: { initialDelay: "10s", jitter: 0 } })],
    });
    troupe.fail("b");
    await world.clock.advance("1s");
    troupe.fail("a");
    await world.clock.advance("20s");
    assert.equal(troupe.names, ["a", "b"]);
  },
);

inMemory(
  "S11 a significant child that ended, and that a sibling's restart brings back, counts as alive",
  async (world) => {
    const troupe = new Troupe();
    await supervised(world, {
      restart: "temporary",
      strategy: "rest_for_one",
      autoShutdown: "all",
      children: [
        troupe.child("first", { restart: "transient", significant: true }),
        troupe.child("fails"),
        troupe.child("comes back", { restart: "transient", significant: true }),
      ],
    });
    troupe.end("comes back");
    await world.clock.advance("1s");
    troupe.fail("fails");
    troupe.end("first");
    await world.clock.advance("1s");
    assert.equal(troupe.names, ["comes back", "fails"]);
    troupe.end("comes back");
    await world.clock.advance("1s");
    assert.equal(troupe.names, [], "now it was the last one");
  },
);

for (const [whose, make] of [
  ["child", (deaf: SpawnSpec) => deaf],
  ["branch", (deaf: SpawnSpec) => ({ name: "inner", retry: soon, children: [deaf] })],
] as const) {
  inMemory(
    `S7 a ${whose} that was given up starts again when its former run has returned, not beside it`,
    async (world) => {
      const troupe = new Troupe();
      const { group } = await supervised(world, {
        strategy: "one_for_all",
        intensity: { restarts: 1, within: "1h" },
        children: [troupe.child("a"), make(troupe.child("deaf", { deaf: true }))],
      });
      troupe.since();
      troupe.fail("a");
      await world.clock.advance("10s");
      assert.equal(troupe.since(), ["-a", "+a"], "one gave up waiting after 5 s");
      troupe.end("deaf");
      await world.clock.advance("10s");
      assert.equal(troupe.since(), ["-deaf", "+deaf"], "its end takes nobody along and is no restart");
      assert.equal(troupe.names, ["a", "deaf"]);
      void group.stop();
      await world.clock.advance("10s");
      assert.equal(troupe.names, ["deaf"]);
      assert.is(troupe.doubled.size, 0);
    },
  );
}

inMemory("S7 a child that is stopped while it waits for its former run to return does not come back", async (world) => {
  const troupe = new Troupe();
  const { runtime } = await supervised(world, {
    strategy: "one_for_all",
    children: [troupe.child("a"), troupe.child("deaf", { deaf: true })],
  });
  troupe.fail("a");
  await world.clock.advance("10s");
  const stopped = runtime.get("deaf")?.stop();
  await world.clock.advance("10s");
  await stopped;
  troupe.end("deaf");
  await world.clock.advance("10s");
  assert.equal(troupe.names, ["a"]);
  runtime.spawn(troupe.child("deaf"));
  await world.clock.advance(1);
  assert.equal(troupe.names, ["a", "deaf"], "the name is free");
});

inMemory("what was given up long ago and has returned since is no reason for a stop to fail", async (world) => {
  const troupe = new Troupe();
  const runtime = world.runtime();
  const controller = new AbortController();
  const task = runtime.task()({ signal: controller.signal } as TaskContext);
  await world.clock.advance(1);
  runtime.spawn(troupe.child("deaf", { deaf: true, restart: "temporary" }));
  await world.clock.advance(1);
  void runtime.get("deaf")?.stop();
  await world.clock.advance("10s");
  troupe.end("deaf");
  await world.clock.advance(1);
  controller.abort();
  await world.clock.advance("10s");
  await task;
});

inMemory("a supervisor whose last waiting child is stopped no longer shows as restarting", async (world) => {
  const troupe = new Troupe();
  const { runtime } = await supervised(world, {
    children: [troupe.child("a", { retry: { initialDelay: "1m", jitter: 0 } }), troupe.child("b")],
  });
  troupe.fail("a");
  await world.clock.advance("1s");
  assert.match(runtime.toString(), "restarting");
  await runtime.get("a")?.stop();
  await world.clock.advance("1s");
  assert.match(runtime.toString(), "group (one_for_one, supervising)");
});

inMemory(
  'autoShutdown "all" does not count a sibling that is being stopped to be restarted as ended',
  async (world) => {
    const troupe = new Troupe();
    await supervised(world, {
      strategy: "rest_for_one",
      autoShutdown: "all",
      restart: "temporary",
      children: [
        troupe.child("a", { restart: "temporary", significant: true }),
        troupe.child("b"),
        troupe.child("slow", { restart: "transient", significant: true, deaf: true }),
      ],
    });
    troupe.fail("b");
    await world.clock.advance(100);
    troupe.end("a");
    await world.clock.advance(100);
    troupe.end("slow");
    await world.clock.advance("1m");
    assert.equal(troupe.names, ["b", "slow"]);
  },
);

inMemory("one_for_all: siblings that end in the moment of a failure are no restarts of their own", async (world) => {
  const troupe = new Troupe();
  await supervised(world, {
    strategy: "one_for_all",
    restart: "temporary",
    intensity: { restarts: 1, within: "5s" },
    children: [troupe.child("a"), troupe.child("b"), troupe.child("c")],
  });
  troupe.fail("a");
  troupe.fail("b");
  await world.clock.advance("1s");
  assert.equal(troupe.names, ["a", "b", "c"]);
});

inMemory('autoShutdown "all" does not wait for a temporary sibling that is being taken down', async (world) => {
  const troupe = new Troupe();
  await supervised(world, {
    strategy: "rest_for_one",
    autoShutdown: "all",
    restart: "temporary",
    children: [
      troupe.child("a", { restart: "temporary", significant: true }),
      troupe.child("b"),
      troupe.child("c", { restart: "temporary", significant: true }),
    ],
  });
  troupe.fail("b");
  troupe.end("a");
  await world.clock.advance("1s");
  assert.equal(troupe.names, []);
});

inMemory("two children that fail in one moment make their supervisor give up once", async (world) => {
  const troupe = new Troupe();
  await supervised(world, {
    restart: "temporary",
    intensity: { restarts: 0, within: "5s" },
    children: [troupe.child("a"), troupe.child("b"), troupe.child("c")],
  });
  troupe.fail("a");
  troupe.fail("b");
  await world.clock.advance("1m");
  assert.equal(troupe.names, []);
  assert.is(world.lines.filter((line) => line.event === "GAVE_UP").length, 1, JSON.stringify(world.lines));
});

test.run();
