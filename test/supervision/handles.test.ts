import { interval, OstinatoError, type RuntimeOptions, type SpawnSpec, type TaskHandle } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inMemory, type World } from "../helpers/world";

const hour = 3_600_000;

/** A task that ends when it is told to. */
function held() {
  const ends: (() => void)[] = [];
  let starts = 0;
  return {
    starts: () => starts,
    end: () => ends.shift()?.(),
    run: () => {
      starts += 1;
      return new Promise<void>((resolve) => ends.push(resolve));
    },
  };
}

async function started(world: World, specs: SpawnSpec[], options?: RuntimeOptions) {
  const runtime = world.runtime(options);
  const handles = specs.map((spec) => runtime.spawn(spec));
  await runtime.start();
  await world.clock.advance(0);
  return { runtime, handles: handles as [TaskHandle, ...TaskHandle[]] };
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof OstinatoError ? `${error.code} ${error.message}` : String(error);
  }
  return "nothing was thrown";
}

inMemory("status tells of each state what there is to tell", async (world) => {
  const { end, run } = held();
  const spec = { name: "s", schedule: interval("1h"), retry: { initialDelay: "1m", jitter: 0 } } as const;
  const runtime = world.runtime({ nodeId: "here" });
  let fails = false;
  const handle = runtime.spawn({
    ...spec,
    run: async (context) => {
      context.progress(1, 4, "a quarter");
      await run();
      if (fails) throw new Error("broken");
    },
  });
  assert.is(handle.status().state, "idle");
  assert.is(handle.status().schedule, 'interval("1h")');
  assert.is(handle.status().nextRun, undefined);
  await runtime.start();
  await world.clock.advance("5m");

  const begun = new Date(world.clock.now() - 300_000);
  const running = handle.status();
  assert.is(running.state, "running");
  assert.is(running.attempt, 1);
  assert.is(running.holder, "here");
  assert.equal(running.running?.startedAt, begun);
  assert.equal(running.running?.progress, { done: 1, total: 4, note: "a quarter" });
  assert.ok((running.running?.fencingToken ?? 0) > 0);
  assert.is(running.lastRun, undefined);

  end();
  await world.clock.advance(0);
  const idle = handle.status();
  assert.is(idle.state, "idle");
  assert.equal(idle.nextRun, new Date(begun.getTime() + hour));
  assert.is(idle.holder, undefined);
  assert.is(idle.running, undefined);
  assert.is(idle.failures, 0);
  assert.is(idle.lastRun?.outcome, "succeeded");
  assert.equal(idle.lastSuccess, new Date(world.clock.now()));
  assert.is(idle.history.length, 1);

  fails = true;
  await world.clock.advance("1h");
  end();
  await world.clock.advance(0);
  const backoff = handle.status();
  assert.is(backoff.state, "backoff");
  assert.equal(backoff.nextRun, new Date(world.clock.now() + 60_000));
  assert.is(backoff.failures, 1);
  assert.is(backoff.lastError, "broken");
  assert.equal(backoff.lastFailure, new Date(world.clock.now()));

  await handle.stop();
  assert.is(handle.status().state, "finished");
  assert.is(handle.status().nextRun, undefined);
});

inMemory("a paused task does not run until it is resumed, but when it is triggered", async (world) => {
  let runs = 0;
  const { handles } = await started(world, [{ name: "p", schedule: interval("1h"), run: () => (runs += 1) }]);
  const [handle] = handles;
  assert.is(runs, 1);
  handle.pause();
  handle.pause();
  assert.ok(handle.status().paused);
  await world.clock.advance("5h");
  assert.is(runs, 1);
  const triggered = handle.trigger();
  await world.clock.advance(0);
  const result = await triggered;
  assert.ok(result.started && result.outcome === "succeeded");
  assert.is(runs, 2);
  await world.clock.advance("5h");
  assert.is(runs, 2, "a run by hand does not resume it");
  assert.ok(handle.status().paused);
  handle.resume();
  await world.clock.advance(0);
  assert.is(runs, 3, "what was missed is made up for once");
  assert.not(handle.status().paused);
  await world.clock.advance("3h");
  assert.is(runs, 6);
});

inMemory("a task may be paused before the start, and while it runs, which lets the run end", async (world) => {
  const { starts, end, run } = held();
  const runtime = world.runtime();
  const handle = runtime.spawn({ name: "p", schedule: interval("1h"), run });
  handle.pause();
  await runtime.start();
  await world.clock.advance("3h");
  assert.is(starts(), 0);
  handle.resume();
  await world.clock.advance(0);
  assert.is(starts(), 1);
  handle.pause();
  assert.is(handle.status().state, "running");
  end();
  await world.clock.advance("3h");
  assert.is(handle.status().lastRun?.outcome, "succeeded");
  assert.is(starts(), 1);
});

inMemory("a missed tick under skip is waited out, not looked at again and again", async (world) => {
  const starts: number[] = [];
  let timers = 0;
  const clock = {
    ...world.clock,
    setTimeout(callback: () => void, delay: number) {
      timers += 1;
      if (timers > 20_000) throw new Error("it looks again without end");
      return world.clock.setTimeout(callback, delay);
    },
  };
  const run = async (): Promise<void> => {
    starts.push(world.clock.monotonic() / hour);
    if (starts.length === 1) await world.pause(1.5 * hour);
  };
  await started(world, [{ name: "skip", schedule: interval("1h"), misfire: "skip", run }], { clock });
  await world.clock.advance("3.5h");
  assert.equal(starts, [0, 2, 3]);
});

inMemory("one task is stopped for good, the others go on, and its name is free again", async (world) => {
  const runs: string[] = [];
  const spec = (name: string): SpawnSpec => ({ name, schedule: interval("1h"), run: () => runs.push(name) });
  const { runtime, handles } = await started(world, [spec("a"), spec("b")]);
  const [a] = handles;
  assert.is(a.stop(), a.stop());
  await a.stop();
  assert.is(runtime.get("a"), undefined);
  assert.is(runtime.actor.system.get("a"), undefined);
  assert.equal(await a.trigger(), { started: false, reason: "stopped" });
  await world.clock.advance("1h");
  assert.equal(runs, ["a", "b", "b"]);
  const again = runtime.spawn(spec("a"));
  await world.clock.advance("1h");
  assert.equal(runs.slice(3).sort(), ["a", "a", "b"], "what it missed, and what is due");
  assert.is(again.status().state, "idle");
  assert.is(a.status().state, "finished");
});

inMemory("a stopped task's run may end before its name is free", async (world) => {
  const { end, run } = held();
  const { runtime, handles } = await started(world, [{ name: "a", schedule: interval("1h"), run }]);
  let stopped = false;
  const stopping = handles[0].stop().then(() => (stopped = true));
  await world.clock.advance("1s");
  assert.not(stopped);
  assert.match(
    codeOf(() => runtime.spawn({ name: "a", schedule: interval("1h"), run })),
    /^ERR_DUPLICATE_NAME/,
  );
  end();
  await world.clock.advance(0);
  await stopping;
  runtime.spawn({ name: "a", schedule: interval("1h"), run });
});

inMemory("restart stops a task with its run and begins it anew", async (world) => {
  const reasons: string[] = [];
  const run = ({ signal, attempt }: { signal: AbortSignal; attempt: number }) =>
    new Promise<void>((_, reject) => {
      reasons.push(`attempt ${String(attempt)}`);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  const { handles } = await started(world, [{ name: "a", schedule: interval("1h"), run, shutdown: "1s" }]);
  const restarted = handles[0].restart();
  await world.clock.advance("2s");
  await restarted;
  assert.is(handles[0].status().state, "running");
  assert.equal(reasons, ["attempt 1", "attempt 1"]);
});

test.run();
