import { createRuntime, cron, daily, interval, memoryStore, OstinatoError, type TaskContext } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable } from "../helpers/breakable-store";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const quick = { schedule: interval(500), timeout: 50, minCycle: 100, maxCycle: 250 } as const;

/** A task that takes 10 ms and records when it was called; fails the test when two run at once. */
function counted(world: World): { starts: number[]; run: () => Promise<void> } {
  const starts: number[] = [];
  let running = 0;
  return {
    starts,
    async run() {
      starts.push(world.clock.monotonic());
      running += 1;
      assert.is(running, 1, "two runs at once");
      await world.pause(10);
      running -= 1;
    },
  };
}

inMemory("N1 an interval of 500 ms runs exactly three times within 1,200 ms", async (world) => {
  const { starts, run } = counted(world);
  const runtime = world.runtime();
  runtime.spawn({ name: "n1", ...quick, run });
  await runtime.start();
  await world.clock.advance(1_200);
  assert.equal(starts, [0, 500, 1_000]);
});

onEveryStore("N2 two nodes on one store share the runs and never run at once", async (world) => {
  const { starts, run } = counted(world);
  const [a, b] = [world.runtime({ nodeId: "a" }), world.runtime({ nodeId: "b" })];
  for (const node of [a, b]) node.spawn({ name: "n2", ...quick, run });
  await a.start();
  await world.clock.advance("1s");
  await b.start();
  await world.clock.advance("1s");
  const stopped = a.stop();
  await world.clock.advance("1.2s");
  await stopped;
  assert.ok(starts.length === 6 || starts.length === 7, `${String(starts.length)} starts`);
});

test("N3 what cannot work is refused when spawned, naming the option and the allowed range", () => {
  const runtime = createRuntime({ store: memoryStore(), clock: virtualClock() });
  const run = (): void => undefined;
  const schedule = interval("1s");
  const refused: [object, RegExp][] = [
    [{ name: "a", schedule, minCycle: 200, maxCycle: 200, run }, /maxCycle.*more than minCycle \(200ms\)/],
    [{ name: "a", schedule, minCycle: 501, run }, /minCycle.*at most half the interval \(500ms\)/],
    [{ name: "a", schedule, timeout: 0, run }, /timeout.*at least 1ms; got 0/],
    [{ name: "a", schedule, timeout: -1, run }, /timeout/],
    [{ name: "a", schedule, timeout: NaN, run }, /timeout.*got NaN/],
    [{ name: "a", schedule, timeout: "soon", run }, /timeout.*"90s".*got "soon"/],
    [{ name: "a", schedule, minCycle: 0, run }, /minCycle/],
    [{ name: "a", schedule, misfireLimit: 0, run }, /misfireLimit/],
    [{ name: "a", schedule, misfire: "twice", run }, /misfire.*"once", "skip", "all"/],
    [{ name: "", schedule, run }, /name.*non-empty/],
    [{ name: "a", schedule }, /run.*a function/],
    [{ name: "a", schedule, run, retries: 3 }, /no option "retries"/],
  ];
  for (const [spec, message] of refused) {
    assert.throws(
      () => runtime.spawn(spec as Parameters<typeof runtime.spawn>[0]),
      (error: unknown) => error instanceof OstinatoError && message.test(error.message),
      `${JSON.stringify(spec)} must be refused with ${String(message)}`,
    );
  }
  for (const bad of [0, -1, NaN]) assert.throws(() => interval(bad), /interval|every|duration/i);
  runtime.spawn({ name: "half", schedule, minCycle: 500, run });
  assert.throws(() => runtime.spawn({ name: "half", schedule, run }), /"half" is taken/);
});

inMemory(
  "N4 starting twice is an error, stopping twice the same promise, stopping unstarted resolves",
  async (world) => {
    const runtime = world.runtime();
    await runtime.start();
    const twice = await runtime.start().then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.is((twice as OstinatoError).code, "ERR_ALREADY_STARTED");
    assert.is(runtime.stop(), runtime.stop());
    await runtime.stop();
    await world.runtime().stop();
  },
);

inMemory('N9 with messages: "neat" monitor lines read exactly so, and carry fields', async (world) => {
  const runtime = world.runtime({ messages: "neat" });
  runtime.spawn({ name: "good", schedule: interval("1m"), run: () => undefined });
  runtime.spawn({ name: "bad", schedule: interval("1m"), run: () => Promise.reject(new Error("broken")) });
  await runtime.start();
  await world.clock.advance(10);
  const of = (task: string) => world.lines.filter((line) => line.task === task && line.event !== undefined);
  assert.equal(
    of("good").map((line) => line.msg),
    ["START", "FINISHED", "ALIVE"].map((mark) => `### [${mark}] neat-periodic-task: "good"`),
  );
  const [start, finished] = of("good");
  assert.is(start?.attempt, 1);
  assert.type(start?.runId, "string");
  assert.is(finished?.runId, start?.runId);
  assert.is(finished?.durationMs, 0);
  const failed = of("bad").find((line) => line.event === "FAILED");
  assert.is(failed?.msg, '### [FAILED] neat-periodic-task: "bad"');
  assert.is(failed?.err?.message, "broken");
  const late = world.runtime({ messages: "neat" });
  const hang = (): Promise<never> => new Promise(() => undefined);
  late.spawn({ name: "late", schedule: interval("1m"), timeout: "1s", run: hang });
  await late.start();
  await world.clock.advance("2s");
  const timedOut = of("late").find((line) => line.event === "FAILED");
  assert.is(timedOut?.msg, '### [FAILED] neat-periodic-task: "late", timeout exceeded!');
  const labelled = world.runtime({ label: "my-service" });
  labelled.spawn({ name: "own", schedule: interval("1m"), run: () => undefined });
  await labelled.start();
  await world.clock.advance(10);
  assert.is(of("own")[0]?.msg, '### [START] my-service: "own"');
});

inMemory("N9 by default monitor lines are a word and the name, with the same fields", async (world) => {
  const runtime = world.runtime();
  runtime.spawn({ name: "nightly backup/eu-1", schedule: interval("1m"), run: () => undefined });
  runtime.spawn({ name: "bad", schedule: interval("1m"), run: () => Promise.reject(new Error("broken")) });
  runtime.spawn({ name: "früh", schedule: interval("1m"), run: () => undefined });
  await runtime.start();
  await world.clock.advance(10);
  const of = (task: string) => world.lines.filter((line) => line.task === task && line.event !== undefined);
  const good = of("nightly backup/eu-1");
  assert.equal(
    good.map((line) => line.msg),
    ["START", "FINISHED", "ALIVE"].map((mark) => `${mark} nightly backup/eu-1`),
  );
  assert.equal(
    good.map((line) => line.event),
    ["START", "FINISHED", "ALIVE"],
  );
  assert.is(good[1]?.runId, good[0]?.runId);
  assert.is(of("bad").find((line) => line.event === "FAILED")?.msg, "FAILED bad");
  assert.is(of("früh")[0]?.msg, "START früh");
});

for (const messages of ["plain", "neat"] as const) {
  inMemory(`N9 no name can forge a line or hide in one, with messages: "${messages}"`, async (world) => {
    const runtime = world.runtime({ messages });
    const names = [
      'x"\n### [ALIVE] neat-periodic-task: "y',
      "web\nALIVE web",
      "web\u2028ALIVE web",
      "web\u0085ALIVE web",
      "web, timeout exceeded!",
      "web  ",
      'w"eb',
      "\u202ebew",
      "\u001b[2Kweb",
    ];
    for (const name of names) runtime.spawn({ name, schedule: interval("1m"), run: () => undefined });
    await runtime.start();
    await world.clock.advance(10);
    const texts = world.lines.filter((line) => line.event === "START").map((line) => line.msg);
    assert.is(texts.length, names.length);
    for (const text of texts) {
      assert.match(
        text,
        messages === "plain"
          ? /^START "[^\p{Cc}\p{Cf}\u2028\u2029]*"$/u
          : /^### \[START\] neat-periodic-task: "[^\p{Cc}\p{Cf}\u2028\u2029]*"$/u,
      );
    }
  });
}

test("N9 messages are plain or neat, and nothing else", () => {
  assert.throws(
    () => createRuntime({ messages: "loud" as "plain" }),
    /messages: expected one of "plain", "neat"; got "loud"/,
  );
});

inMemory("N10 ALIVE comes right after FINISHED and then every maxCycle", async (world) => {
  const runtime = world.runtime();
  const alive: number[] = [];
  runtime.events.subscribe((event) => {
    if (event.type === "alive") alive.push(world.clock.monotonic() / 3_600_000);
  });
  runtime.spawn({ name: "n10", schedule: interval("24h"), run: () => undefined });
  await runtime.start();
  await world.clock.advance("24h");
  assert.equal(alive, [0, 3, 6, 9, 12, 15, 18, 21, 24]);
});

inMemory("N16 trigger runs an idle task now, answers its outcome, and the period counts from it", async (world) => {
  const starts: number[] = [];
  const runtime = world.runtime();
  const handle = runtime.spawn({
    name: "n16",
    schedule: interval("1h"),
    async run() {
      starts.push(world.clock.monotonic());
      await world.pause(1_000);
    },
  });
  await runtime.start();
  await world.clock.advance("10m");
  const first = handle.trigger();
  await world.clock.advance(500);
  assert.equal(await handle.trigger(), { started: false, reason: "running" });
  await world.clock.advance("1s");
  const result = await first;
  assert.ok(result.started && result.outcome === "succeeded");
  await world.clock.advance("59m");
  assert.equal(starts, [0, 600_000]);
  await world.clock.advance("1m");
  assert.equal(starts, [0, 600_000, 4_200_000]);
});

onEveryStore("N16 a trigger right after the start, before the first look has ended, runs too", async (world) => {
  let runs = 0;
  const runtime = world.runtime();
  const schedule = interval("1h", { immediate: false });
  const handle = runtime.spawn({ name: "n16", schedule, run: () => void (runs += 1) });
  assert.equal(await handle.trigger(), { started: false, reason: "stopped" });
  await runtime.start();
  const result = await handle.trigger();
  assert.ok(result.started, JSON.stringify(result));
  assert.is(runs, 1);
});

onEveryStore("N17 a restarted process does not run again what has run, and missed periods collapse", async (world) => {
  const starts: number[] = [];
  const boot = async (): Promise<() => Promise<void>> => {
    const runtime = world.runtime();
    runtime.spawn({ name: "n17", schedule: interval("1h"), run: () => starts.push(world.clock.monotonic() / 60_000) });
    await runtime.start();
    await world.clock.advance("1s");
    return () => runtime.stop();
  };
  await (
    await boot()
  )();
  await world.clock.advance("30m");
  await (
    await boot()
  )();
  assert.is(starts.length, 1, "not due after 30 minutes");
  await world.clock.advance("5h");
  await boot();
  assert.is(starts.length, 2, "five missed periods are one run");
  await world.clock.advance("30m");
  assert.is(starts.length, 3, "and the phase is kept");
});

inMemory("N18 a process that joins at 0.9 of the interval starts at 1.0 of it", async (world) => {
  const starts: number[] = [];
  const spec = {
    name: "n18",
    schedule: interval("10m"),
    run: () => {
      starts.push(world.clock.monotonic() / 60_000);
    },
  };
  const first = world.runtime();
  first.spawn(spec);
  await first.start();
  await world.clock.advance("1m");
  await first.stop();
  await world.clock.advance("8m");
  const second = world.runtime();
  second.spawn(spec);
  await second.start();
  await world.clock.advance("5m");
  assert.equal(starts, [0, 10]);
});

onEveryStore("N22 after downtime, once runs one, skip none, all each in order within its limits", async (world) => {
  const seen: Record<string, Pick<TaskContext, "scheduledAt" | "lateBy" | "catchUp">[]> = {};
  const boot = async (): Promise<void> => {
    const runtime = world.runtime();
    for (const [name, options] of Object.entries({
      once: { misfire: "once" },
      skip: { misfire: "skip" },
      all: { misfire: "all" },
      limited: { misfire: "all", misfireLimit: 2 },
      young: { misfire: "all", misfireMaxAge: "150m" },
      old: { misfire: "once", misfireMaxAge: "10m" },
    } as const)) {
      runtime.spawn({
        name,
        ...options,
        schedule: interval("1h"),
        run: ({ scheduledAt, lateBy, catchUp }) =>
          (seen[name] ??= []).push({ scheduledAt, lateBy, ...(catchUp ? { catchUp } : {}) }),
      });
    }
    await runtime.start();
    await world.clock.advance("1s");
    await runtime.stop();
  };
  await boot();
  for (const name of Object.keys(seen)) seen[name] = [];
  await world.clock.advance("5h");
  await world.clock.advance("30m");
  await boot();
  const hours = (name: string) => (seen[name] ?? []).map((run) => run.scheduledAt.getUTCHours());
  assert.equal(hours("once"), [5]);
  assert.equal(hours("skip"), []);
  assert.equal(hours("all"), [1, 2, 3, 4, 5]);
  assert.equal(hours("limited"), [4, 5]);
  assert.equal(hours("young"), [4, 5]);
  assert.equal(hours("old"), []);
  assert.equal(
    seen["all"]?.map((run) => run.catchUp),
    [1, 2, 3, 4, 5].map((index) => ({ index, of: 5 })),
  );
  assert.is(seen["once"]?.[0]?.catchUp, undefined);
  assert.ok((seen["once"]?.[0]?.lateBy ?? 0) >= 1_800_000);
});

inMemory(
  "N23 a run that does not begin within its window is told as overdue with its reason, and its recovery",
  async (world) => {
    const told: string[] = [];
    const way = breakable(world.store);
    const runtime = world.runtime({ store: way.store });
    runtime.events.subscribe((event) => {
      if (event.type === "overdue") told.push(`${event.task}: ${event.reason}`);
      if (event.type === "recovered") told.push(`${event.task} recovered`);
    });
    let release = (): void => undefined;
    let runs = 0;
    runtime.spawn({
      name: "stuck",
      schedule: interval("1m"),
      run: () => (++runs === 1 ? new Promise<void>((resolve) => (release = resolve)) : undefined),
    });
    await runtime.start();
    await world.clock.advance("89s");
    assert.equal(told, []);
    await world.clock.advance("2s");
    assert.equal(told, ["stuck: the previous run has not ended"]);
    release();
    await world.clock.advance("1s");
    assert.equal(told.slice(1), ["stuck recovered"]);
    way.cut();
    await world.clock.advance("3m");
    assert.equal(told.slice(2), ["stuck: the store cannot be reached"]);
    assert.is(world.lines.filter((line) => line.event === "OVERDUE").length, 2);
    way.mend();
    await world.clock.advance("10s");
    assert.equal(told.slice(3), ["stuck recovered"]);
  },
);

onEveryStore("N21 clocks seconds apart run each tick of a calendar once, however short the runs", async (world) => {
  const ticks: string[] = [];
  const start = world.clock.now();
  const clocks = [-3_000, 0, 3_000].map((skew) => world.otherClock(new Date(start + skew)));
  for (const clock of clocks) {
    const runtime = world.runtime({ clock });
    runtime.spawn({
      name: "n21",
      schedule: cron("* * * * *", { timeZone: "UTC" }),
      run: ({ scheduledAt }) => ticks.push(scheduledAt.toISOString()),
    });
    runtime.spawn({
      name: "n21-daily",
      schedule: daily({ hour: 0, minute: 2, timeZone: "UTC" }),
      run: ({ scheduledAt }) => ticks.push(`daily ${scheduledAt.toISOString()}`),
    });
    await runtime.start();
  }
  for (let second = 0; second < 300; second++) for (const clock of clocks) await clock.advance("1s");
  assert.is(new Set(ticks).size, ticks.length, ticks.join(" "));
  assert.ok(ticks.length >= 6 && ticks.length <= 7, ticks.join(" "));
  const stopping = Promise.all(clocks.map((clock) => clock.advance(1)));
  await stopping;
});

test.run();
