import { rootMachine, type SupervisorEvent } from "ostinato/machines";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertComplete, follow, waysOf, type Walk } from "../helpers/statechart";

const did: string[] = [];
const effects = ["startChildren", "handleExit", "stopChildren", "reportExit"] as const;

const walk: Walk<SupervisorEvent> = {
  machine: rootMachine.provide({
    actions: Object.fromEntries(effects.map((name) => [name, () => void did.push(name)])),
  }),
  input: { name: "root", strategy: "one_for_one" },
  events: [
    { type: "START" },
    { type: "CHILDREN_STARTED" },
    { type: "CHILD_EXITED", child: "a", how: "failure", error: new Error("broken") },
    { type: "RESTARTING" },
    { type: "RESTARTED" },
    { type: "GIVE_UP", error: "too many restarts" },
    { type: "AUTO_SHUTDOWN" },
    { type: "STOP" },
    { type: "CHILDREN_STOPPED" },
  ],
  matters: ({ error }) => error !== undefined,
};
const after = (...types: SupervisorEvent["type"][]) =>
  follow(
    walk,
    types.map((type) => walk.events.find((event) => event.type === type) as SupervisorEvent),
  );

test("Every state of the root's chart can be reached, every transition taken, and no event throws", () => {
  assertComplete(walk);
});

test("From every state, STOP ends in stopped or failed once the children have stopped", () => {
  for (const { events } of waysOf(walk)) {
    const { value } = follow(walk, [...events, { type: "STOP" }, { type: "CHILDREN_STOPPED" }]);
    assert.ok(
      value === "stopped" || value === "failed",
      `${String(value)} after ${events.map((e) => e.type).join(", ")}`,
    );
  }
});

test("It runs, drains, and has stopped, or has failed where it gave up; it never starts again", () => {
  assert.is(after().value, "idle");
  assert.is(after("START").value, "running");
  assert.is(after("START", "STOP").value, "draining");
  assert.is(after("START", "STOP", "CHILDREN_STOPPED", "START").value, "stopped");
  assert.is(after("STOP", "START").value, "stopped");
  assert.is(after("START", "GIVE_UP").value, "draining");
  assert.is(after("START", "GIVE_UP", "CHILDREN_STOPPED", "START").value, "failed");
  assert.is(after("START", "AUTO_SHUTDOWN", "CHILDREN_STOPPED").value, "stopped");
});

test("Its effects come where the states begin, and it counts restarts", () => {
  did.length = 0;
  const { context } = after(
    "START",
    "CHILD_EXITED",
    "RESTARTING",
    "RESTARTING",
    "STOP",
    "CHILD_EXITED",
    "CHILDREN_STOPPED",
  );
  assert.equal(did, ["startChildren", "handleExit", "stopChildren", "reportExit"]);
  assert.is((context as { restarts: number }).restarts, 2);
});

test.run();
