import {
  createRuntime,
  interval,
  memoryStore,
  OstinatoError,
  type RuntimeEvent,
  type RuntimeOptions,
  type SpawnSpec,
} from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { AnyActorRef, InspectionEvent } from "xstate";
import { inMemory, type World } from "./helpers/world";

const silent = pino({ level: "silent" });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof OstinatoError ? `${error.code} ${error.message}` : String(error);
  }
  return "nothing was thrown";
}

async function started(world: World, specs: SpawnSpec[], options?: RuntimeOptions) {
  const runtime = world.runtime(options);
  for (const spec of specs) runtime.spawn(spec);
  await runtime.start();
  await world.clock.advance(0);
  return { runtime };
}

test("options that cannot be are refused by code, naming the option", () => {
  const refused: [unknown, RegExp][] = [
    [null, /^ERR_INVALID_OPTION createRuntime: expected an object/],
    ["options", /^ERR_INVALID_OPTION createRuntime: expected an object/],
    [{ stor: memoryStore() }, /^ERR_INVALID_OPTION createRuntime: there is no option "stor"/],
    [{ store: {} }, /^ERR_INVALID_OPTION store/],
    [{ store: null }, /^ERR_INVALID_OPTION store/],
    [{ clock: Date }, /^ERR_INVALID_OPTION clock/],
    [{ logger: {} }, /^ERR_INVALID_OPTION logger/],
    [{ logger: "pino" }, /^ERR_INVALID_OPTION logger/],
    [{ inspect: {} }, /^ERR_INVALID_OPTION inspect: expected a function or an observer/],
    [{ nodeId: "" }, /^ERR_INVALID_OPTION nodeId/],
    [{ nodeId: 7 }, /^ERR_INVALID_OPTION nodeId/],
    [{ shutdownTimeout: "soon" }, /^ERR_INVALID_DURATION shutdownTimeout/],
    [{ shutdownTimeout: -1 }, /^ERR_INVALID_DURATION shutdownTimeout/],
    [{ lease: "10ms" }, /^ERR_INVALID_DURATION lease/],
    [{ label: "" }, /^ERR_INVALID_OPTION label/],
    [{ surviveUnhandledRejections: "yes" }, /^ERR_INVALID_OPTION surviveUnhandledRejections/],
  ];
  for (const [options, message] of refused) {
    assert.match(
      codeOf(() => createRuntime(options as RuntimeOptions)),
      message,
    );
  }
});

test("a runtime with its defaults runs on the machine's time and remembers in memory", async () => {
  const runtime = createRuntime({ logger: silent });
  const ran = new Promise<string>((resolve) => {
    runtime.spawn({ name: "once", schedule: interval("1h"), run: ({ name }) => resolve(name) });
  });
  await runtime.start();
  assert.is(await ran, "once");
  assert.match(runtime.nodeId, /./);
  assert.ok(Math.abs(runtime.clock.now() - Date.now()) < 1_000);
  await runtime.stop();
  await runtime.finished;
});

test("two runtimes with their defaults have names and stores of their own", () => {
  const [a, b] = [createRuntime({ logger: silent }), createRuntime({ logger: silent })];
  assert.is.not(a.nodeId, b.nodeId);
  assert.is.not(a.store, b.store);
});

inMemory("what is spawned before the start begins with it, what is spawned after it at once", async (world) => {
  const runtime = world.runtime();
  const seen: string[] = [];
  const spawn = (name: string) => runtime.spawn({ name, schedule: interval("1h"), run: () => seen.push(name) });
  spawn("before");
  await world.clock.advance("2h");
  assert.equal(seen, []);
  await runtime.start();
  await world.clock.advance(0);
  assert.equal(seen, ["before"]);
  spawn("after");
  await world.clock.advance(0);
  assert.equal(seen, ["before", "after"]);
});

inMemory("names are unique among tasks and supervisors, at every depth", async (world) => {
  const runtime = world.runtime();
  const run = (): void => undefined;
  const task = (name: string): SpawnSpec => ({ name, run, schedule: interval("1h") });
  runtime.spawn(task("a"));
  runtime.supervise({ name: "branch", children: [{ name: "twig", children: [task("leaf")] }] });
  for (const name of ["a", "branch", "twig", "leaf", "root"]) {
    assert.match(
      codeOf(() => runtime.spawn(task(name))),
      new RegExp(`^ERR_DUPLICATE_NAME "${name}" is taken`),
    );
    const inside = () => runtime.supervise({ name: "other", children: [task(name)] });
    assert.match(codeOf(inside), /^ERR_DUPLICATE_NAME/);
  }
  const twice = () => runtime.supervise({ name: "other", children: [task("x"), task("x")] });
  assert.match(codeOf(twice), /^ERR_DUPLICATE_NAME .*"x"/);
  assert.match(runtime.spawn(task("x")).name, /x/, "what was refused has left nothing");
});

inMemory("get finds a task at every depth, and nothing else", async (world) => {
  const runtime = world.runtime();
  const handle = runtime.spawn({ name: "a", schedule: interval("1h"), run: () => undefined });
  runtime.supervise({ name: "branch", children: [{ name: "leaf", run: () => undefined, schedule: interval("1h") }] });
  assert.is(runtime.get("a")?.name, handle.name);
  assert.is(runtime.get("leaf")?.status().state, "idle");
  assert.is(runtime.get("branch"), undefined);
  assert.is(runtime.get("nobody"), undefined);
});

inMemory(
  "events come to every subscriber from its subscription on, and one that throws hurts nobody",
  async (world) => {
    const { runtime } = await started(world, [{ name: "e", schedule: interval("1h"), run: () => undefined }]);
    const seen: RuntimeEvent["type"][] = [];
    runtime.events.subscribe(() => {
      throw new Error("a bad subscriber");
    });
    const subscription = runtime.events.subscribe(({ type }) => seen.push(type));
    await world.clock.advance("1h");
    assert.equal(seen, ["start", "finished", "alive"]);
    subscription.unsubscribe();
    await world.clock.advance("1h");
    assert.is(seen.length, 3);
    const told = world.lines.filter(({ err }) => err?.message === "a bad subscriber");
    assert.equal(
      told.map(({ msg }) => msg),
      ["a listener to the runtime's events threw"],
    );
  },
);

inMemory("toString draws the tree, one line each", async (world) => {
  const runtime = world.runtime();
  const leaf = (name: string): SpawnSpec => ({ name, schedule: interval("1h"), run: () => undefined });
  runtime.spawn(leaf("a"));
  runtime.supervise({ name: "branch", children: [leaf("b"), leaf("c")] });
  await runtime.start();
  await world.clock.advance(0);
  const lines = String(runtime).split("\n");
  assert.is(lines.length, 5);
  ["root", "a", "branch", "b", "c"].forEach((name, index) =>
    assert.match(lines[index] ?? "", new RegExp(`\\b${name}\\b`)),
  );
  assert.match(lines[1] ?? "", /idle/);
});

inMemory("it disposes of itself: stopped, finished, and nothing can be added or started", async (world) => {
  const { runtime } = await started(world, [{ name: "d", schedule: interval("1h"), run: () => undefined }]);
  const disposed = runtime[Symbol.asyncDispose]();
  assert.is(disposed, runtime.stop());
  await disposed;
  await runtime.finished;
  assert.is(world.clock.pending(), 0);
  assert.match(
    codeOf(() => runtime.spawn({ name: "late", run: () => undefined })),
    /^ERR_STOPPED/,
  );
  assert.match(
    codeOf(() => runtime.supervise({ name: "late", children: [] })),
    /^ERR_STOPPED/,
  );
  const again = await runtime.start().catch((error: unknown) => error);
  assert.is((again as OstinatoError).code, "ERR_STOPPED");
});

inMemory("every task and supervisor is a real actor, found by its name", async (world) => {
  const runtime = world.runtime();
  runtime.supervise({ name: "branch", children: [{ name: "leaf", schedule: interval("1h"), run: () => undefined }] });
  await runtime.start();
  await world.clock.advance(0);
  const { system } = runtime.actor;
  const valueOf = (name: string): unknown =>
    ((system.get(name) as AnyActorRef | undefined)?.getSnapshot() as { value: unknown } | undefined)?.value;
  assert.is(system.get("root"), runtime.actor);
  assert.equal(["root", "branch", "leaf", "nobody"].map(valueOf), ["running", "supervising", "idle", undefined]);
});

inMemory("inspect sees every actor under its parent, as a function and as an observer", async (world) => {
  const trees = ["function", "observer"].map((form) => {
    const parents = new Map<string, string | undefined>();
    const next = (event: InspectionEvent): void => {
      if (event.type !== "@xstate.actor") return;
      const actor = event.actorRef as AnyActorRef;
      parents.set(actor.id, actor._parent?.id);
    };
    const runtime = world.runtime({ inspect: form === "function" ? next : { next } });
    const leaf = (name: string): SpawnSpec => ({ name, schedule: interval("1h"), run: () => undefined });
    runtime.spawn(leaf(`${form} task`));
    runtime.supervise({ name: "branch", children: [leaf("leaf"), { name: "twig", children: [leaf("bud")] }] });
    return { form, runtime, parents };
  });
  for (const { form, runtime, parents } of trees) {
    await runtime.start();
    await world.clock.advance(0);
    assert.equal(Object.fromEntries(parents), {
      root: undefined,
      [`${form} task`]: "root",
      branch: "root",
      leaf: "branch",
      twig: "branch",
      bud: "twig",
    });
  }
});

inMemory("an inspect observer that throws does no harm and is reported", async (world) => {
  let runs = 0;
  const inspect = (): never => {
    throw new Error("a bad observer");
  };
  const { runtime } = await started(world, [{ name: "i", schedule: interval("1h"), run: () => (runs += 1) }], {
    inspect,
  });
  await world.clock.advance("2h");
  assert.is(runs, 3);
  assert.ok(world.lines.some(({ msg }) => msg === "the inspect observer threw"));
  const stopped = runtime.stop();
  await world.clock.advance("1s");
  await stopped;
  assert.is(world.clock.pending(), 0);
});

inMemory(
  "two runtimes on one store object share its exclusive tasks, and the store outlives the first",
  async (world) => {
    const runs: string[] = [];
    const runtimes = ["a", "b"].map((nodeId) => {
      const runtime = world.runtime({ nodeId });
      const run = () => runs.push(nodeId);
      runtime.spawn({ name: "shared", schedule: interval("1h"), run });
      runtime.spawn({ name: "own", schedule: interval("1h"), exclusive: false, run: () => runs.push(`own ${nodeId}`) });
      return runtime;
    });
    for (const runtime of runtimes) await runtime.start();
    await world.clock.advance("2h");
    assert.is(runs.filter((each) => !each.startsWith("own")).length, 3);
    assert.is(runs.filter((each) => each.startsWith("own")).length, 6);
    const stopped = runtimes[0]?.stop();
    await world.clock.advance("1s");
    await stopped;
    await world.clock.advance("2h");
    assert.is(runs.filter((each) => !each.startsWith("own")).length, 5);
    assert.equal(runs.slice(-2).sort(), ["b", "own b"]);
  },
);

test("a runtime that was never started can be stopped, and leaves nothing", async () => {
  const clock = virtualClock();
  const runtime = createRuntime({ clock, logger: silent });
  runtime.spawn({ name: "never", schedule: interval("1h"), run: () => assert.unreachable() });
  await runtime.stop();
  await runtime.finished;
  await clock.advance("1d");
  assert.is(clock.pending(), 0);
});

test.run();
