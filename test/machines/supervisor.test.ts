import { supervisorMachine, type SupervisorEvent } from "ostinato/machines";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertComplete, follow, waysOf, type Walk } from "../helpers/statechart";

const did: string[] = [];
const effect = (name: string) => () => void did.push(name);
const effects = ["startChildren", "handleExit", "stopChildren", "reportExit"] as const;

const walk: Walk<SupervisorEvent> = {
  machine: supervisorMachine.provide({
    actions: Object.fromEntries(effects.map((name) => [name, effect(name)])),
  }),
  input: { name: "branch", strategy: "one_for_one" },
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

/** The state after these events, and the effects of the last. */
function after(...types: SupervisorEvent["type"][]) {
  const events = types.map((type) => walk.events.find((event) => event.type === type) as SupervisorEvent);
  follow(walk, events.slice(0, -1));
  const before = did.length;
  const snapshot = follow(walk, events);
  return {
    state: snapshot.value as string,
    context: snapshot.context as { restarts: number; error?: unknown },
    before,
  };
}
const stateAfter = (...types: SupervisorEvent["type"][]): string => after(...types).state;

test("Every state of the supervisor's chart can be reached, every transition taken, and no event throws", () => {
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

test("It starts its children, supervises them, and shows while it restarts them", () => {
  assert.is(stateAfter(), "idle");
  assert.is(stateAfter("START"), "starting");
  assert.is(stateAfter("START", "CHILDREN_STARTED"), "supervising");
  assert.is(stateAfter("START", "CHILDREN_STARTED", "CHILD_EXITED", "RESTARTING"), "restarting");
  const again = after("START", "CHILDREN_STARTED", "RESTARTING", "RESTARTING", "RESTARTED");
  assert.is(again.state, "supervising");
  assert.is(again.context.restarts, 2);
});

test("It has failed only where it gave up, and its children are stopped first", () => {
  const begun = ["START", "CHILDREN_STARTED"] as const;
  assert.is(stateAfter(...begun, "GIVE_UP"), "stopping");
  assert.is(stateAfter(...begun, "GIVE_UP", "CHILDREN_STOPPED"), "failed");
  assert.is(after(...begun, "GIVE_UP", "CHILDREN_STOPPED").context.error, "too many restarts");
  assert.is(stateAfter(...begun, "AUTO_SHUTDOWN", "CHILDREN_STOPPED"), "stopped");
  assert.is(stateAfter(...begun, "STOP", "GIVE_UP", "CHILDREN_STOPPED"), "stopped");
});

test("One that ended starts again as if nothing had been", () => {
  const again = after("START", "GIVE_UP", "CHILDREN_STOPPED", "START", "CHILDREN_STARTED", "STOP", "CHILDREN_STOPPED");
  assert.is(again.state, "stopped");
  assert.is(again.context.error, undefined);
});

test("Its effects come where the states begin, and a child's end is decided on in each state that has children", () => {
  did.length = 0;
  follow(
    walk,
    [
      "START",
      "CHILDREN_STARTED",
      "CHILD_EXITED",
      "RESTARTING",
      "CHILD_EXITED",
      "STOP",
      "CHILD_EXITED",
      "CHILDREN_STOPPED",
    ].map((type) => ({ type }) as SupervisorEvent),
  );
  assert.equal(did, ["startChildren", "handleExit", "handleExit", "stopChildren", "reportExit"]);
});

test.run();
