import { createRuntime, interval, memoryStore, OstinatoError, type RuntimeEvent, type Schedule } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inMemory, onEveryStore } from "../helpers/world";

const hour = 3_600_000;

/** Due at these instants, in milliseconds after `start`, and never again. */
function at(start: number, ...instants: number[]): Schedule {
  return {
    next: (after) => {
      const found = instants.find((each) => start + each > after.getTime());
      return found === undefined ? undefined : new Date(start + found);
    },
    toString: () => `at ${instants.join(", ")}`,
  };
}

onEveryStore("X7 a task whose schedule has ended is finished, and takes nobody down", async (world) => {
  const start = world.clock.now();
  const events: string[] = [];
  let healthy = 0;
  const runtime = world.runtime();
  runtime.events.subscribe(({ type }) => events.push(type));
  runtime.spawn({ name: "healthy", schedule: interval("10s"), run: () => void (healthy += 1) });
  const handles = [1, 2, 3, 4, 5].map((minute) =>
    runtime.spawn({ name: `once${String(minute)}`, schedule: at(start, minute * 60_000), run: () => undefined }),
  );
  handles.push(runtime.spawn({ name: "never", schedule: at(start), run: () => undefined }));
  await runtime.start();
  await world.clock.advance("10m");
  assert.ok(healthy >= 60, String(healthy));
  assert.is(events.filter((type) => type === "restarting" || type === "gaveUp").length, 0);
  assert.is(events.filter((type) => type === "exhausted").length, 6);
  for (const handle of handles) {
    const { state, nextRun, decisions } = handle.status();
    assert.equal([state, nextRun, decisions[0]?.decision], ["finished", undefined, "exhausted"]);
  }
});

onEveryStore("X7 a node that comes later finds the last tick done, and finishes without a run", async (world) => {
  const schedule = at(world.clock.now(), 60_000);
  const runs: string[] = [];
  const spawn = (node: string): ReturnType<typeof runtime.spawn> => {
    const runtime = world.runtime({ nodeId: node });
    const handle = runtime.spawn({ name: "t", schedule, run: () => void runs.push(node) });
    started.push(runtime.start());
    return handle;
  };
  const started: Promise<void>[] = [];
  spawn("a");
  await world.clock.advance("2m");
  const late = spawn("b");
  await world.clock.advance("2m");
  await Promise.all(started);
  assert.equal(runs, ["a"]);
  assert.is(late.status().state, "finished");
});

inMemory("X7 a finished task can be triggered, by its handle and through the store", async (world) => {
  const runtime = world.runtime();
  let runs = 0;
  const task = runtime.spawn({ name: "t", schedule: at(world.clock.now(), 1_000), run: () => void (runs += 1) });
  await runtime.start();
  await world.clock.advance("2s");
  assert.equal([runs, task.status().state], [1, "finished"]);
  const triggered = task.trigger();
  await world.clock.advance("1s");
  assert.is((await triggered).started, true);
  assert.equal([runs, task.status().state], [2, "finished"]);
  assert.is(world.events().filter((event) => event === "EXHAUSTED").length, 1);
  await task.restart();
  await world.clock.advance("1s");
  assert.equal([runs, task.status().state], [2, "finished"]);
  const stopped = task.stop();
  await world.clock.advance("1s");
  await stopped;
  assert.equal(await task.trigger(), { started: false, reason: "stopped" });
});

inMemory("X7 a last attempt that fails is tried again before the task is finished", async (world) => {
  const attempts: number[] = [];
  const runtime = world.runtime();
  const task = runtime.spawn({
    name: "t",
    schedule: at(world.clock.now(), 1_000),
    retry: { initialDelay: "1m", jitter: 0 },
    run: ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error("not yet");
    },
  });
  await runtime.start();
  await world.clock.advance("10m");
  assert.equal(attempts, [1, 2, 3]);
  assert.is(task.status().state, "finished");
});

inMemory("X7 a significant task whose schedule has ended counts for autoShutdown", async (world) => {
  const runtime = world.runtime();
  const schedule = at(world.clock.now(), 1_000);
  const group = runtime.supervise({
    name: "group",
    autoShutdown: "all",
    restart: "temporary",
    children: [
      { name: "a", schedule, restart: "transient", significant: true, run: () => undefined },
      {
        name: "b",
        schedule: at(world.clock.now(), 5_000),
        restart: "transient",
        significant: true,
        run: () => undefined,
      },
      { name: "c", schedule: interval("1s"), run: () => undefined },
    ],
  });
  await runtime.start();
  await world.clock.advance("3s");
  assert.is(group.status().state, "supervising");
  await world.clock.advance("10s");
  assert.not.equal(group.status().state, "supervising");
});

for (const strategy of ["one_for_all", "rest_for_one"] as const) {
  inMemory(
    `X7 ${strategy}: siblings of a task whose schedule ends go on, and their restarts do not run it again`,
    async (world) => {
      const runtime = world.runtime();
      let runs = 0;
      let starts = 0;
      const restarted: string[] = [];
      runtime.events.subscribe((event: RuntimeEvent) => {
        if (event.type === "restarting") restarted.push(event.task);
      });
      const group = runtime.supervise({
        name: "group",
        strategy,
        children: [
          {
            name: "server",
            restart: "transient",
            retry: { initialDelay: "1s", jitter: 0 },
            run: async ({ signal }) => {
              starts += 1;
              if (starts === 1) {
                await world.pause(10_000);
                throw new Error("broken");
              }
              await new Promise((resolve) => signal.addEventListener("abort", resolve));
            },
          },
          { name: "once", schedule: at(world.clock.now(), 1_000), run: () => void (runs += 1) },
        ],
      });
      await runtime.start();
      await world.clock.advance("1m");
      assert.equal([starts, runs, restarted], [2, 1, ["server"]]);
      assert.is(group.status().state, "supervising");
    },
  );
}

/** Schedules that break their contract, at once or after a while. */
const hostile: Record<string, (start: number) => Schedule["next"]> = {
  "returns the same instant": () => (after) => after,
  "returns the past": (start) => () => new Date(start - hour),
  "returns an invalid Date": () => () => new Date(NaN),
  "returns a number": () => () => 5 as never,
  "returns a revoked proxy": () => () => {
    const { proxy, revoke } = Proxy.revocable(new Date(), {});
    revoke();
    return proxy;
  },
  throws: () => () => {
    throw new Error("no next");
  },
  "throws what is no error": () => () => {
    throw Object.create(null);
  },
};

for (const [how, make] of Object.entries(hostile)) {
  inMemory(
    `X7 a schedule that ${how} is refused at once, or reported later, and nobody else is harmed`,
    async (world) => {
      const start = world.clock.now();
      const runtime = world.runtime();
      let healthy = 0;
      let runs = 0;
      const next = make(start);
      runtime.spawn({ name: "healthy", schedule: interval("1m"), run: () => void (healthy += 1) });
      assert.throws(
        () => runtime.spawn({ name: "at once", schedule: { next }, run: () => undefined }),
        (error: unknown) => error instanceof OstinatoError && error.code === "ERR_INVALID_SCHEDULE",
      );
      const first = start + hour;
      const later = runtime.spawn({
        name: "later",
        schedule: { next: (after) => (after.getTime() < first ? new Date(first) : next(after)) },
        run: () => void (runs += 1),
      });
      await runtime.start();
      await world.clock.advance("8h");
      assert.equal([healthy, runs], [481, 1]);
      const { state, decisions } = later.status();
      assert.equal([state, decisions[0]?.decision], ["idle", "brokenSchedule"]);
      assert.is(world.lines.filter(({ event, task }) => event === "WARNING" && task === "later").length, 1);
      assert.is(world.lines.filter(({ event }) => event === "RESTARTING").length, 0);
      const triggered = later.trigger();
      await world.clock.advance("1s");
      assert.is((await triggered).started, true);
    },
  );
}

test("X7 a schedule without a text, and one that says null at the end, are schedules", async () => {
  const clock = virtualClock();
  const runtime = createRuntime({ clock, store: memoryStore(), logger: pino({ level: "silent" }) });
  const only = new Date(clock.now() + 1_000);
  const bare = Object.assign(Object.create(null) as object, {
    next: (after: Date) => (after < only ? only : (null as never)),
  }) as Schedule;
  const task = runtime.spawn({ name: "t", schedule: bare, run: () => undefined });
  await runtime.start();
  await clock.advance("2s");
  assert.equal([task.status().state, task.status().schedule], ["finished", "a schedule"]);
  const stopped = runtime.stop();
  await clock.advance("1s");
  await stopped;
});

test.run();
