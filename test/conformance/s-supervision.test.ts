import { createRuntime, main, type OstinatoError, type Strategy, type Task } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { soon, supervised, Troupe } from "../helpers/troupe";
import { inMemory } from "../helpers/world";

inMemory("S1 children start in order, nested ones in their place, and stop in reverse order", async (world) => {
  const troupe = new Troupe();
  const { runtime } = await supervised(world, {
    children: [
      troupe.child("a"),
      { name: "inner", children: [troupe.child("b"), troupe.child("c")] },
      troupe.child("d"),
    ],
  });
  assert.equal(troupe.since(), ["+a", "+b", "+c", "+d"]);
  await runtime.stop();
  assert.equal(troupe.since(), ["-d", "-c", "-b", "-a"]);
});

const strategies: [Strategy, string[]][] = [
  ["one_for_one", ["-b", "+b"]],
  ["one_for_all", ["-b", "-d", "-c", "-a", "+a", "+b", "+d"]],
  ["rest_for_one", ["-b", "-d", "-c", "+b", "+d"]],
];
for (const [strategy, expected] of strategies) {
  inMemory(`S2 ${strategy} restarts exactly whom OTP would; a temporary sibling is not restarted`, async (world) => {
    const troupe = new Troupe();
    await supervised(world, {
      strategy,
      children: [troupe.child("a"), troupe.child("b"), troupe.child("c", { restart: "temporary" }), troupe.child("d")],
    });
    troupe.since();
    troupe.fail("b");
    await world.clock.advance("1s");
    assert.equal(troupe.since(), expected);
    troupe.fail("c");
    await world.clock.advance("1s");
    assert.equal(troupe.since(), strategy === "one_for_one" ? ["-c"] : []);
  });
}

inMemory("S3 permanent is restarted always, transient after failure only, temporary never", async (world) => {
  const troupe = new Troupe();
  const kinds = ["permanent", "transient", "temporary"] as const;
  await supervised(world, {
    children: kinds.flatMap((restart) =>
      ["ends", "fails"].map((how) => troupe.child(`${restart} ${how}`, { restart })),
    ),
  });
  for (const restart of kinds) {
    troupe.end(`${restart} ends`);
    troupe.fail(`${restart} fails`);
  }
  await world.clock.advance("1s");
  assert.equal(troupe.names, ["permanent ends", "permanent fails", "transient fails"]);
});

inMemory(
  "S4 beyond its intensity a supervisor stops its children and fails to its parent, up to the root",
  async (world) => {
    const troupe = new Troupe();
    const { runtime } = await supervised(world, {
      intensity: { restarts: 2, within: "5s" },
      retry: soon,
      children: [
        troupe.child("steady"),
        { name: "inner", retry: soon, intensity: { restarts: 1, within: "5s" }, children: [troupe.child("sick")] },
      ],
    });
    const ended = runtime.finished.then(
      () => undefined,
      (error: unknown) => error as OstinatoError,
    );
    for (let round = 0; round < 40; round += 1) {
      troupe.fail("sick");
      await world.clock.advance(50);
    }
    assert.equal(troupe.names, []);
    const error = await ended;
    assert.is(error?.code, "ERR_RESTART_INTENSITY");
    const chain: string[] = [];
    for (let each: unknown = error; each instanceof Error; each = each.cause) chain.push(each.message);
    assert.match(chain[0] as string, /ostinato|root|runtime/);
    assert.ok(
      chain.some((message) => message.includes('"group"')),
      chain.join("\n"),
    );
    assert.ok(
      chain.some((message) => message.includes('"inner"')),
      chain.join("\n"),
    );
    assert.is(chain.at(-1), "sick broke");
  },
);

inMemory("S4 the root's failure ends main with code 1, and the chain of causes is logged", async (world) => {
  const { clock, logger } = world;
  const troupe = new Troupe();
  const runtime = world.runtime();
  const intensity = { restarts: 0, within: "5s" } as const;
  runtime.supervise({
    name: "outer",
    intensity,
    retry: soon,
    children: [troupe.child("steady"), { name: "inner", intensity, retry: soon, children: [troupe.child("sick")] }],
  });
  const code = main({ clock, logger }, runtime.task());
  for (let round = 0; round < 4; round += 1) {
    await clock.advance(50);
    troupe.fail("sick");
  }
  await clock.advance("1s");
  assert.is(await code, 1);
  assert.equal(troupe.names, []);
  const report = world.lines.at(-1)?.msg ?? "";
  for (const part of ['"root"', '"outer"', '"inner"', "sick broke", '"steady"']) assert.match(report, part);
});

inMemory("S4 restarts older than the window are forgotten", async (world) => {
  const troupe = new Troupe();
  await supervised(world, { intensity: { restarts: 2, within: "5s" }, children: [troupe.child("a")] });
  for (let round = 0; round < 10; round += 1) {
    troupe.fail("a");
    await world.clock.advance("3s");
    assert.equal(troupe.names, ["a"], `round ${String(round)}`);
  }
});

inMemory(
  "S5 first the signal, then, past its shutdown time, a child is given up and named in a warning",
  async (world) => {
    const troupe = new Troupe();
    const { group } = await supervised(world, {
      children: [
        troupe.child("deaf", { deaf: true }),
        troupe.child("patient", { deaf: true, shutdown: "20s" }),
        troupe.child("polite"),
      ],
    });
    let stopped = false;
    const begun = world.clock.monotonic();
    const stopping = group.stop().then(() => (stopped = true));
    await world.clock.advance(1);
    assert.equal(troupe.names, ["deaf", "patient"]);
    await world.clock.advance("24s");
    assert.not.ok(stopped, "20 s for one and 5 s, the default, for the other");
    await world.clock.advance("2s");
    await stopping;
    assert.ok(world.clock.monotonic() - begun < 28_000);
    const warnings = world.lines.filter((line) => line.level === 40).map((line) => line.msg);
    assert.ok(warnings.some((text) => text.includes('"deaf"')) && warnings.some((text) => text.includes('"patient"')));
  },
);

inMemory(
  "S5 a supervisor waits for its subtree; a child that may take for ever is cut at the runtime's deadline",
  async (world) => {
    const troupe = new Troupe();
    const runtime = world.runtime({ shutdownTimeout: "1m" });
    runtime.supervise({
      name: "outer",
      children: [
        troupe.child("first"),
        { name: "inner", children: [troupe.child("slow", { deaf: true, shutdown: "20s" })] },
      ],
    });
    runtime.spawn(troupe.child("endless", { deaf: true, shutdown: Infinity }));
    await runtime.start();
    await world.clock.advance(1);
    let stopped = false;
    const stopping = runtime.stop().then(() => (stopped = true));
    await world.clock.advance("50s");
    assert.equal(troupe.names, ["endless", "first", "slow"], "each waits for those after it");
    await world.clock.advance("15s");
    await stopping;
    assert.ok(stopped);
    assert.not.ok(troupe.names.includes("first"));
    const warnings = world.lines.filter((line) => line.level === 40).map((line) => line.msg);
    for (const name of ["endless", "slow"])
      assert.ok(
        warnings.some((text) => text.includes(`"${name}"`)),
        name,
      );
  },
);

for (const [autoShutdown, after] of [
  ["any", ["a"]],
  ["all", ["a", "b"]],
] as const) {
  inMemory(`S6 autoShutdown "${autoShutdown}": the supervisor ends with its significant children`, async (world) => {
    const troupe = new Troupe();
    await supervised(world, {
      autoShutdown,
      restart: "temporary",
      children: [
        troupe.child("a", { restart: "transient", significant: true }),
        troupe.child("b", { restart: "temporary", significant: true }),
        troupe.child("c"),
      ],
    });
    for (const name of after) {
      assert.ok(troupe.names.includes("c"));
      troupe.end(name);
      await world.clock.advance(100);
    }
    assert.equal(troupe.names, []);
  });
}

test("S6 a significant child may not be permanent, and needs a supervisor that cares", () => {
  const troupe = new Troupe();
  const runtime = createRuntime({ clock: virtualClock(), logger: pino({ level: "silent" }) });
  const significant = (restart: "permanent" | "transient", autoShutdown: "never" | "any") => () =>
    runtime.supervise({ name: "x", autoShutdown, children: [troupe.child("a", { restart, significant: true })] });
  const refused = (error: unknown): boolean => (error as OstinatoError).code === "ERR_INVALID_OPTION";
  assert.throws(significant("permanent", "any"), refused);
  assert.throws(significant("transient", "never"), refused);
});

inMemory(
  "S7 a child that fails as it starts is tried again until the intensity is exceeded; no sibling is left",
  async (world) => {
    const troupe = new Troupe();
    const runtime = world.runtime();
    let starts = 0;
    runtime.supervise({
      name: "group",
      restart: "temporary",
      intensity: { restarts: 3, within: "1m" },
      children: [
        troupe.child("a"),
        troupe.child("never", {
          run: () => {
            starts += 1;
            throw new Error("cannot start");
          },
        }),
      ],
    });
    await runtime.start();
    await world.clock.advance("10s");
    assert.is(starts, 4);
    assert.equal(troupe.names, []);
  },
);

inMemory("S7 a child that fails while it is being stopped is stopped, and its siblings too", async (world) => {
  const troupe = new Troupe();
  const { group } = await supervised(world, {
    children: [
      troupe.child("a"),
      troupe.child("b", {
        run: ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("late")))),
      }),
      troupe.child("c"),
    ],
  });
  await group.stop();
  await world.clock.advance("1m");
  assert.equal(troupe.names, []);
  assert.equal(troupe.since(), ["+a", "+c", "-c", "-a"]);
});

inMemory("S7 stopped while it waits to be restarted, a child does not come back", async (world) => {
  const troupe = new Troupe();
  const { runtime } = await supervised(world, {
    children: [troupe.child("a", { retry: { initialDelay: "30s", jitter: 0 } })],
  });
  troupe.fail("a");
  await world.clock.advance("1s");
  await runtime.stop();
  await world.clock.advance("5m");
  assert.equal(troupe.since(), ["+a", "-a"]);
});

inMemory(
  "S7 a supervisor that is stopped in the middle of a one_for_all leaves nothing running and starts nothing twice",
  async (world) => {
    const troupe = new Troupe();
    const { group } = await supervised(world, {
      strategy: "one_for_all",
      children: [troupe.child("a"), troupe.child("slow", { deaf: true }), troupe.child("c")],
    });
    troupe.fail("a");
    await world.clock.advance(100);
    assert.equal(troupe.names, ["slow"]);
    const stopping = group.stop();
    troupe.end("slow");
    await world.clock.advance("1m");
    await stopping;
    assert.equal(troupe.names, []);
    assert.is(troupe.doubled.size, 0);
    assert.equal(troupe.log.filter((each) => each.startsWith("+")).sort(), ["+a", "+c", "+slow"]);
  },
);

inMemory("S8 no way of failing takes siblings down", async (world) => {
  const troupe = new Troupe();
  const ways: Record<string, Task> = {
    throws: () => {
      throw new Error("at once");
    },
    rejects: () => Promise.reject(new Error("later")),
    "rejects with a text": () => Promise.reject("just text"),
    "rejects with nothing": () => Promise.reject(undefined),
    "leaves a rejection behind": () => {
      void Promise.reject(new Error("stray"));
    },
    "throws from its signal's listener": ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("in a listener")));
      }),
  };
  await supervised(world, {
    children: [
      troupe.child("sibling"),
      ...Object.entries(ways).map(([name, run]) => troupe.child(name, { run, restart: "temporary" })),
    ],
  });
  await new Promise((resolve) => setImmediate(resolve));
  await world.clock.advance("1s");
  assert.equal(troupe.names, ["sibling"]);
  assert.equal(troupe.since(), ["+sibling"]);
  assert.ok(world.lines.some((line) => JSON.stringify(line).includes("stray")));
});

inMemory(
  "S9 restarts back off with a factor up to a cap, and the count resets after a healthy period",
  async (world) => {
    const { clock } = world;
    let healthy = false;
    const retry = { initialDelay: 1_000, factor: 2, maxDelay: 4_000, jitter: 0 };
    await supervised(world, {
      children: [
        {
          name: "sick",
          retry,
          run: async () => {
            if (healthy) await world.pause(10_000);
            throw new Error("sick");
          },
        },
      ],
    });
    const waits = (): unknown[] =>
      world.lines.filter((line) => line.event === "RESTARTING").map((line) => line["delayMs"]);
    await clock.advance("12s");
    assert.equal(waits().slice(0, 4), [1_000, 2_000, 4_000, 4_000]);
    const before = waits().length;
    healthy = true;
    await clock.advance("10s");
    healthy = false;
    await clock.advance("10s");
    assert.equal(waits().slice(before, before + 2), [1_000, 2_000]);
  },
);

test.run();
