import { interval, type OstinatoError, type Store, type TaskContext } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable } from "../helpers/breakable-store";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const never = (): Promise<never> => new Promise(() => undefined);

/** Writes a value under a task's record, as another program or version might have. */
async function plant(store: Store, task: string, value: string): Promise<void> {
  await store.open();
  const map = store.map("leases");
  const entry = await map.get(`task.${task}`);
  if (entry === undefined) await map.create(`task.${task}`, value);
  else await map.update(`task.${task}`, value, entry.revision);
}

/** A node whose clock stands still from now on: to the others it is dead. */
async function frozenRunner(world: World, lease: `${number}s`, seen: TaskContext[]): Promise<void> {
  const clock = world.otherClock();
  const runtime = world.runtime({ clock, nodeId: "frozen", lease });
  runtime.spawn({
    name: "shared",
    schedule: interval("1m"),
    run: (context) => {
      seen.push(context);
      return never();
    },
  });
  await runtime.start();
  await clock.advance(1);
}

inMemory("N5 stop waits for the run until the deadline, then aborts it; no timer is left", async (world) => {
  const runtime = world.runtime({ shutdownTimeout: "10s" });
  let signal: AbortSignal | undefined;
  const handle = runtime.spawn({
    name: "n5",
    schedule: interval("1h"),
    run: (context) => {
      signal = context.signal;
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          reject(signal?.reason as Error);
        });
      });
    },
  });
  runtime.spawn({ name: "waiting", schedule: interval("1h", { immediate: false }), run: () => undefined });
  await runtime.start();
  await world.clock.advance("1s");
  let stopped = false;
  void runtime.stop().then(() => (stopped = true));
  await world.clock.advance("9s");
  assert.is(signal?.aborted, false);
  assert.is(stopped, false);
  await world.clock.advance("1s");
  assert.is(signal?.aborted, true);
  assert.is((signal?.reason as OstinatoError).code, "ERR_SHUTDOWN");
  assert.is(stopped, true);
  assert.is(handle.status().state, "finished");
  assert.is(world.clock.pending(), 0, "timers left");
});

onEveryStore(
  "N6 no record, a foreign, corrupt or older one means due now; a newer one is left alone",
  async (world) => {
    const ran: string[] = [];
    const newer = JSON.stringify({ format: "ostinato-task", version: 99, mystery: true });
    await plant(world.store, "foreign", JSON.stringify({ hello: "world" }));
    await plant(world.store, "corrupt", "{{{");
    await plant(world.store, "older", JSON.stringify({ format: "ostinato-task", version: 0 }));
    await plant(world.store, "newer", newer);
    const runtime = world.runtime();
    for (const name of ["none", "foreign", "corrupt", "older", "newer"]) {
      runtime.spawn({ name, schedule: interval("1h"), run: () => ran.push(name) });
    }
    await runtime.start();
    await world.clock.advance("5h");
    assert.equal([...new Set(ran)].sort(), ["corrupt", "foreign", "none", "older"]);
    assert.is((await world.store.map("leases").get("task.newer"))?.value, newer);
    assert.ok(
      world.lines.some((line) => line.event === "WARNING" && line.task === "newer" && /newer version/.test(line.msg)),
    );
  },
);

onEveryStore(
  "N7 while another node holds the run there is no start here; once its lease is gone it is taken over",
  async (world) => {
    const first: TaskContext[] = [];
    await frozenRunner(world, "15s", first);
    world.lines.length = 0;
    const second: TaskContext[] = [];
    const runtime = world.runtime({ nodeId: "alive" });
    runtime.spawn({ name: "shared", schedule: interval("1m"), run: (context) => second.push(context) });
    await runtime.start();
    await world.clock.advance("15s");
    assert.equal(world.events("shared"), []);
    await world.clock.advance("3s");
    assert.is(second.length, 1);
    assert.ok((second[0]?.fencingToken ?? 0) > (first[0]?.fencingToken ?? Infinity));
    assert.is(second[0]?.attempt, 2, "the attempt that died is counted");
    assert.equal(world.events("shared"), ["START", "FINISHED", "ALIVE"]);
  },
);

onEveryStore("N8 a lost race for the record starts nothing", async (world) => {
  let calls = 0;
  const way = breakable(world.store);
  way.refuse('"running"');
  const loser = world.runtime({ nodeId: "loser", store: way.store });
  const winner = world.runtime({ nodeId: "winner" });
  for (const runtime of [loser, winner]) {
    runtime.spawn({
      name: "n8",
      schedule: interval("1h"),
      run: async () => {
        calls += 1;
        await world.pause(1_000);
      },
    });
  }
  await Promise.all([loser.start(), winner.start()]);
  await world.clock.advance("10s");
  assert.is(calls, 1);
  assert.is(world.events("n8").filter((event) => event === "START").length, 1);
});

inMemory("N11 FINISHED is told only once the success is stored", async (world) => {
  const way = breakable(world.store);
  const { reached, release } = way.hold('"lastSuccess"');
  const runtime = world.runtime({ store: way.store });
  runtime.spawn({ name: "n11", schedule: interval("1h"), run: () => undefined });
  await runtime.start();
  await reached;
  assert.equal(world.events("n11"), ["START"]);
  release();
  await world.clock.advance(10);
  assert.equal(world.events("n11"), ["START", "FINISHED", "ALIVE"]);
});

inMemory("N12 a run past its timeout fails, is aborted, and has no second copy beside it", async (world) => {
  let running = 0;
  let starts = 0;
  let release = (): void => undefined;
  const reasons: unknown[] = [];
  const runtime = world.runtime({ lease: "1h" });
  runtime.spawn({
    name: "n12",
    schedule: interval("1m"),
    timeout: "5s",
    retry: { initialDelay: "1s", jitter: 0 },
    run: async ({ signal }) => {
      starts += 1;
      running += 1;
      assert.is(running, 1, "a second copy");
      signal.addEventListener("abort", () => reasons.push((signal.reason as OstinatoError).code));
      await new Promise<void>((resolve) => (release = resolve));
      running -= 1;
    },
  });
  await runtime.start();
  await world.clock.advance("6s");
  const failed = world.lines.find((line) => line.event === "FAILED");
  assert.is(failed?.msg, "FAILED n12, timeout exceeded!");
  assert.equal(reasons, ["ERR_TIMEOUT"]);
  await world.clock.advance("5m");
  assert.is(starts, 1);
  release();
  await world.clock.advance("2s");
  assert.is(starts, 2);
  assert.is(world.lines.filter((line) => line.event === "FAILED").length, 1, "told once");
  release();
});

inMemory("N13 failures back off, are counted, and are known to other nodes after a restart", async (world) => {
  const starts: [number, number][] = [];
  const spec = {
    name: "n13",
    schedule: interval("1h"),
    retry: { initialDelay: "1s", factor: 2, jitter: 0 },
    run: ({ attempt }: TaskContext) => {
      starts.push([world.clock.monotonic() / 1_000, attempt]);
      throw new Error(`attempt ${String(attempt)}`);
    },
  } as const;
  const first = world.runtime({ nodeId: "first" });
  first.spawn(spec);
  await first.start();
  await world.clock.advance("8s");
  assert.equal(starts, [[0, 1], [1, 2], [3, 3], [7, 4]]); // prettier-ignore
  await first.stop();
  const second = world.runtime({ nodeId: "second" });
  const handle = second.spawn(spec);
  await second.start();
  await world.clock.advance(1);
  assert.is(handle.status().failures, 4);
  assert.is(handle.status().lastError, "attempt 4");
  assert.is(handle.status().lastRun?.node, "first");
  assert.is(handle.status().state, "backoff");
  await world.clock.advance("7s");
  assert.equal(starts[4], [15, 5]);
});

onEveryStore("N14 an unreachable store is logged once, asked rarely, and recovered from", async (world) => {
  const way = breakable(world.store);
  const starts: number[] = [];
  const runtime = world.runtime({ store: way.store });
  runtime.spawn({ name: "n14", schedule: interval("1m"), run: () => starts.push(world.clock.monotonic() / 1_000) });
  runtime.spawn({ name: "other", schedule: interval("1m"), run: () => undefined });
  await runtime.start();
  await world.clock.advance("30s");
  way.cut();
  const before = way.calls;
  await world.clock.advance("30m");
  assert.is(world.lines.filter((line) => line.event === "OFFLINE").length, 1);
  assert.ok(way.calls - before < 1_000, `${String(way.calls - before)} calls in half an hour`);
  way.mend();
  await world.clock.advance("10s");
  assert.is(starts.length, 2);
  assert.is(world.lines.filter((line) => line.event === "ONLINE").length, 1);
});

inMemory("N14 a store that fails while a run goes on does not end the run: unreachable is not lost", async (world) => {
  const way = breakable(world.store);
  let aborted = false;
  const runtime = world.runtime({ store: way.store, lease: "15s" });
  runtime.spawn({
    name: "n14",
    schedule: interval("1h"),
    run: async ({ signal }) => {
      signal.addEventListener("abort", () => (aborted = true));
      await world.pause(60_000);
    },
  });
  await runtime.start();
  await world.clock.advance("6s");
  way.cut();
  await world.clock.advance("7s");
  way.mend();
  await world.clock.advance("50s");
  assert.is(aborted, false);
  assert.equal(world.events("n14"), ["START", "FINISHED", "ALIVE"]);
});

inMemory(
  "N15 a finish that cannot be stored is a warning, not a crash, and not reported as finished",
  async (world) => {
    const way = breakable(world.store);
    const runtime = world.runtime({ store: way.store, lease: "1m" });
    runtime.spawn({ name: "n15", schedule: interval("1h"), run: () => world.pause(1_000) });
    await runtime.start();
    await world.clock.advance(500);
    way.cut();
    await world.clock.advance("10s");
    assert.equal(world.events("n15"), ["START", "WARNING"]);
    way.mend();
    await world.clock.advance("10s");
    assert.equal(world.events("n15"), ["START", "WARNING", "FINISHED", "ALIVE"], "stored as soon as it can be");
  },
);

inMemory("N15 a run whose record was taken by another node is not reported as finished", async (world) => {
  const runtime = world.runtime();
  runtime.spawn({ name: "n15", schedule: interval("1h"), run: () => world.pause(1_000) });
  await runtime.start();
  await world.clock.advance(500);
  const entry = await world.store.map("leases").get("task.n15");
  await plant(world.store, "n15", (entry?.value ?? "").replace(/"runId":"\w+"/, '"runId":"somebodyelse"'));
  await world.clock.advance("1s");
  assert.not.ok(world.events("n15").includes("FINISHED"));
  assert.ok(world.events("n15").includes("WARNING"));
});

onEveryStore(
  "N19 after a holder was killed another node runs the task within the lease and one cycle",
  async (world) => {
    const dead: TaskContext[] = [];
    await frozenRunner(world, "3s", dead);
    const runs: number[] = [];
    const began = world.clock.monotonic();
    const runtime = world.runtime({ nodeId: "alive", lease: "3s" });
    runtime.spawn({ name: "shared", schedule: interval("1m"), run: () => runs.push(world.clock.monotonic() - began) });
    await runtime.start();
    await world.clock.advance("10s");
    assert.is(runs.length, 1);
    assert.ok((runs[0] ?? Infinity) <= 3_000 * 1.1 + 1_000, `${String(runs[0])} ms`);
  },
);

inMemory("N20 a clock an hour wrong never makes two runs at once", async (world) => {
  let running = 0;
  let runs = 0;
  const start = world.clock.now();
  const clocks = [
    world.clock,
    world.otherClock(new Date(start + 3_600_000)),
    world.otherClock(new Date(start - 3_600_000)),
  ];
  for (const clock of clocks) {
    const runtime = world.runtime({ clock, lease: "3s" });
    runtime.spawn({
      name: "n20",
      schedule: interval("10s"),
      run: async () => {
        runs += 1;
        running += 1;
        assert.is(running, 1, "two runs at once");
        await world.pause(1_500);
        running -= 1;
      },
    });
    await runtime.start();
  }
  for (let step = 0; step < 1_200; step++) for (const clock of clocks) await clock.advance(100);
  assert.ok(runs >= 11 && runs <= 15, `${String(runs)} runs in two minutes`);
});

onEveryStore("N24 a run cut short by stop is no failure, and another node takes its tick at once", async (world) => {
  const seen: { node: string; at: number; attempt: number; failures: number }[] = [];
  const make = (node: string): ReturnType<World["runtime"]> => {
    const runtime = world.runtime({ nodeId: node, shutdownTimeout: "1s", lease: "1m" });
    const handle = runtime.spawn({
      name: "n24",
      schedule: interval("1h"),
      run: ({ attempt, signal }) => {
        seen.push({ node, at: world.clock.monotonic(), attempt, failures: handle.status().failures });
        return node === "second"
          ? undefined
          : new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      },
    });
    return runtime;
  };
  const first = make("first");
  await first.start();
  await world.clock.advance("10s");
  const second = make("second");
  await second.start();
  await world.clock.advance("1s");
  const stopping = first.stop();
  await world.clock.advance("2s");
  await stopping;
  assert.equal(seen, [
    { node: "first", at: 0, attempt: 1, failures: 0 },
    { node: "second", at: 12_000, attempt: 1, failures: 0 },
  ]);
});

test.run();
