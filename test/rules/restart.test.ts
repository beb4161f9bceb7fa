import fc from "fast-check";
import { OstinatoError, type RestartKind, type Strategy } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decide, validateChild, type ChildState, type ExitQuestion } from "../../src/rules/restart";

const child = (name: string, more: Partial<ChildState> = {}): ChildState => ({
  name,
  restart: "permanent",
  state: "running",
  ...more,
});
const ask = (question: Partial<ExitQuestion>) =>
  decide({
    strategy: "one_for_one",
    autoShutdown: "never",
    children: ["a", "b", "c", "d"].map((name) => child(name, { state: name === "b" ? "stopped" : "running" })),
    exited: "b",
    how: "failure",
    ...question,
  });
const nothing = { restart: false, stop: [], start: [], remove: [], shutdown: false };

test("a permanent child is always restarted, a transient one after a failure, a temporary one never", () => {
  const table: [RestartKind, "success" | "failure", boolean][] = [
    ["permanent", "success", true],
    ["permanent", "failure", true],
    ["transient", "success", false],
    ["transient", "failure", true],
    ["temporary", "success", false],
    ["temporary", "failure", false],
  ];
  for (const [restart, how, again] of table) {
    const decision = ask({ children: [child("b", { restart })], how });
    assert.is(decision.restart, again, `${restart} after ${how}`);
    assert.equal(decision.start, again ? ["b"] : []);
    assert.equal(decision.remove, restart === "temporary" ? ["b"] : []);
  }
});

test("whom the restart touches, by strategy: stopped in reverse, started in order", () => {
  const table: [Strategy, string[], string[]][] = [
    ["one_for_one", [], ["b"]],
    ["one_for_all", ["d", "c", "a"], ["a", "b", "c", "d"]],
    ["rest_for_one", ["d", "c"], ["b", "c", "d"]],
  ];
  for (const [strategy, stop, start] of table) {
    assert.equal(ask({ strategy }), { ...nothing, restart: true, stop, start }, strategy);
  }
});

test("siblings that do not run are not stopped, but started; temporary ones are stopped and removed", () => {
  const children = [
    child("a", { state: "stopped" }),
    child("b", { state: "stopped" }),
    child("c", { restart: "temporary" }),
    child("d", { state: "restarting" }),
  ];
  assert.equal(ask({ strategy: "one_for_all", children }), {
    ...nothing,
    restart: true,
    stop: ["c"],
    start: ["a", "b", "d"],
    remove: ["c"],
  });
});

test("a child that is not to be restarted leaves its siblings alone, whatever the strategy", () => {
  for (const strategy of ["one_for_one", "one_for_all", "rest_for_one"] as const) {
    const children = [child("a"), child("b", { restart: "transient" })];
    assert.equal(ask({ strategy, children, how: "success" }), nothing);
  }
});

test("a child that nobody knows changes nothing", () => {
  assert.equal(ask({ exited: "stranger" }), nothing);
});

test("significant children end their supervisor: the first, the last, or never", () => {
  const pair = (other: ChildState["state"]) => [
    child("a", { restart: "transient", significant: true, state: other }),
    child("b", { restart: "transient", significant: true, state: "stopped" }),
    child("c", { restart: "transient" }),
  ];
  const shutdown = (
    autoShutdown: ExitQuestion["autoShutdown"],
    other: ChildState["state"],
    how: "success" | "failure",
  ) => ask({ autoShutdown, how, children: pair(other) }).shutdown;
  assert.not(shutdown("never", "stopped", "success"));
  assert.ok(shutdown("any", "running", "success"));
  assert.not(shutdown("all", "running", "success"));
  assert.not(shutdown("all", "restarting", "success"));
  assert.ok(shutdown("all", "stopped", "success"));
  assert.not(shutdown("any", "stopped", "failure"), "a transient child that failed comes back");
  assert.not(ask({ autoShutdown: "any", exited: "c", how: "success", children: pair("stopped") }).shutdown);
});

test("significance that could never matter is refused", () => {
  const refused: [RestartKind, "never" | "any", RegExp][] = [
    ["permanent", "any", /significant of "x": expected false for a permanent child/],
    ["transient", "never", /autoShutdown: "any" or "all"/],
  ];
  for (const [restart, autoShutdown, message] of refused) {
    assert.throws(
      () => validateChild({ name: "x", restart, significant: true }, autoShutdown),
      (error: unknown) =>
        error instanceof OstinatoError && error.code === "ERR_INVALID_OPTION" && message.test(error.message),
    );
  }
  for (const restart of ["transient", "temporary"] as const)
    validateChild({ name: "x", restart, significant: true }, "any");
  validateChild({ name: "x", restart: "permanent", significant: false }, "never");
});

test("in any supervisor: who is stopped runs and is not the one that ended; all are known, once, in order", () => {
  const state = fc.record({
    restart: fc.constantFrom<RestartKind[]>("permanent", "transient", "temporary"),
    state: fc.constantFrom<ChildState["state"][]>("running", "restarting", "stopped"),
    significant: fc.boolean(),
  });
  const question = fc.record({
    children: fc.array(state, { minLength: 1, maxLength: 8 }),
    exited: fc.nat(),
    strategy: fc.constantFrom<Strategy[]>("one_for_one", "one_for_all", "rest_for_one"),
    autoShutdown: fc.constantFrom("never" as const, "any" as const, "all" as const),
    how: fc.constantFrom("success" as const, "failure" as const),
  });
  fc.assert(
    fc.property(question, ({ children, exited, ...rest }) => {
      const named = children.map((each, index) => ({ ...each, name: String(index) }));
      const index = exited % named.length;
      const decision = decide({ ...rest, children: named, exited: String(index) });
      const ascending = (names: string[]) =>
        names.every((name, at) => at === 0 || Number(names[at - 1]) < Number(name));
      assert.ok(ascending(decision.start));
      assert.ok(ascending([...decision.stop].reverse()));
      assert.ok(decision.stop.every((name) => named[Number(name)]?.state === "running" && name !== String(index)));
      assert.ok(decision.remove.every((name) => named[Number(name)]?.restart === "temporary"));
      assert.not(decision.start.some((name) => decision.remove.includes(name)));
      assert.is(decision.start.includes(String(index)), decision.restart);
      if (decision.shutdown) assert.not(decision.restart);
      if (rest.strategy === "rest_for_one")
        assert.ok([...decision.stop, ...decision.start].every((name) => Number(name) >= index));
    }),
    { numRuns: 300 },
  );
});

test.run();
