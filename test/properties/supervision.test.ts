// time limit: 400 s
import fc from "fast-check";
import { createRuntime, type SpawnSpec, type SuperviseSpec } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Supervisor, type TreeSpec, type Worker, type WorkerSpec } from "../helpers/otp-model";

const trees = Number(process.env["SUPERVISION_TREES"] ?? 2_000);
const seed = Number(process.env["SUPERVISION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Steps that never add up to the window of an intensity, so that nothing hangs on a millisecond. */
const step = 700;
const withinMs = 5_000;

type Shape = Omit<WorkerSpec, "name"> & Partial<Omit<TreeSpec, "name" | "children">> & { children?: Shape[] };

const worker = fc.record({
  restart: fc.constantFrom("permanent", "transient", "temporary"),
  significant: fc.boolean(),
});
const { tree } = fc.letrec<{ tree: Shape; child: Shape }>((tie) => ({
  child: fc.oneof({ maxDepth: 2, withCrossShrink: true }, worker as fc.Arbitrary<Shape>, tie("tree")),
  tree: fc.record({
    restart: fc.constantFrom("permanent", "transient", "temporary"),
    significant: fc.boolean(),
    strategy: fc.constantFrom("one_for_one", "one_for_all", "rest_for_one"),
    autoShutdown: fc.constantFrom("never", "any", "all"),
    restarts: fc.integer({ min: 0, max: 4 }),
    withinMs: fc.constant(withinMs),
    children: fc.array(tie("child"), { minLength: 1, maxLength: 4 }),
  }),
}));

/** What happens to one worker, or to it and a sibling in one moment, some time after what happened before. */
const happening = fc.record({
  which: fc.nat(),
  how: fc.constantFrom("fails", "fails", "succeeds", "is stopped"),
  steps: fc.integer({ min: 0, max: 5 }),
  sibling: fc.option(fc.record({ which: fc.nat(), failed: fc.boolean() }), { freq: 3 }),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;
const happenings = fc.array(happening, { minLength: 1, maxLength: 12 });

/** Names every node, and takes back what no supervisor would accept. */
function named(shape: Shape, path: string, autoShutdown: string): WorkerSpec | TreeSpec {
  const significant = shape.significant && shape.restart !== "permanent" && autoShutdown !== "never";
  const children = shape.children?.map((each, index) =>
    named(each, `${path}.${String(index)}`, shape.autoShutdown as string),
  );
  return { ...shape, name: path, significant, ...(children === undefined ? {} : { children }) };
}

const retry = { initialDelay: 1, factor: 1, jitter: 0, maxDelay: 60_000 };

/** The same tree for the runtime; `live` holds how to end each child that runs. */
function specOf(node: WorkerSpec | TreeSpec, live: Map<string, (failed: boolean) => void>): SpawnSpec | SuperviseSpec {
  const { name, restart, significant } = node;
  const common = { name, restart, significant, retry };
  if ("children" in node) {
    const { strategy, autoShutdown, restarts } = node;
    const children = node.children.map((each) => specOf(each, live));
    return { ...common, strategy, autoShutdown, intensity: { restarts, within: withinMs }, children };
  }
  return {
    ...common,
    run: ({ signal }) =>
      new Promise<void>((resolve, reject) => {
        assert.not.ok(live.has(name), `${name} runs twice at once`);
        const settle = (failed: boolean): void => {
          live.delete(name);
          if (failed) reject(new Error(`${name} broke`));
          else resolve();
        };
        live.set(name, settle);
        signal.addEventListener("abort", () => settle(false), { once: true });
      }),
  };
}

async function compare(shape: Shape, course: Happening[]): Promise<void> {
  const top = named({ ...shape, restart: "temporary", significant: false }, "top", "never") as TreeSpec;
  const model = new Supervisor(top, undefined);
  const live = new Map<string, (failed: boolean) => void>();
  const clock = virtualClock();
  const runtime = createRuntime({ clock, logger: pino({ level: "silent" }) });
  runtime.supervise(specOf(top, live) as SuperviseSpec);
  await runtime.start();
  model.start();
  await clock.advance(20);
  const expected = (): string[] =>
    [...model.workers()]
      .filter((each) => each.alive)
      .map((each) => each.spec.name)
      .sort();
  assert.equal([...live.keys()].sort(), expected(), "after the start");
  for (const { which, how, steps, sibling } of course) {
    await clock.advance(steps * step);
    const alive = [...model.workers()].filter((each) => each.alive);
    const first = alive[which % alive.length];
    if (first?.parent === undefined) break;
    const { parent } = first;
    const exits: { child: Worker; failed: boolean }[] = [];
    if (how === "is stopped") {
      void runtime.get(first.spec.name)?.stop();
      parent.terminated(first);
    } else exits.push({ child: first, failed: how === "fails" });
    const others = alive.filter((each) => each !== first && each.parent === parent);
    const other = sibling === null ? undefined : others[sibling.which % others.length];
    if (other !== undefined) exits.push({ child: other, failed: sibling?.failed === true });
    for (const { child, failed } of exits) live.get(child.spec.name)?.(failed);
    parent.endedTogether(exits, clock.monotonic());
    await clock.advance(30);
    const what = `${first.spec.name} ${how}${other === undefined ? "" : `, with ${other.spec.name}`}`;
    assert.equal([...live.keys()].sort(), expected(), `after ${what}`);
  }
  const stopping = runtime.stop();
  await clock.advance("1m");
  await stopping;
  assert.is(live.size, 0, "after the stop");
}

test(`S11 ${String(trees)} random trees: who lives is whom a model of OTP's rules says (seed ${String(seed)})`, async () => {
  console.log(`SUPERVISION_SEED=${String(seed)}`);
  await fc.assert(fc.asyncProperty(tree, happenings, compare), { numRuns: trees, seed });
});

test.run();
