import { createActor } from "xstate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { partitionMachine, type PartitionEvent } from "../../machines/partition";
import { workerMachine, type WorkerEvent } from "../../machines/worker";
import { assertComplete, assertNamed } from "../helpers/statechart";

const give: WorkerEvent = { type: "GIVE", task: "a" };
const claimed: WorkerEvent = { type: "CLAIMED", attempt: 2, fencingToken: 7 };
const ended: WorkerEvent = { type: "ENDED", outcome: "failed", error: "no" };
const [start, stop, passed] = (["START", "STOP", "PASSED"] as const).map((type): WorkerEvent => ({ type })) as [
  WorkerEvent,
  WorkerEvent,
  WorkerEvent,
];
const leave: PartitionEvent = { type: "LEAVE", reason: "the lease was lost" };

/** A worker to which all this has happened, and the effects that it asked for since. */
function worker(...events: WorkerEvent[]) {
  const did: string[] = [];
  const names = ["offer", "claim", "run", "reportExit"];
  const actions = Object.fromEntries(names.map((name) => [name, () => void did.push(name)]));
  const actor = createActor(workerMachine.provide({ actions }), { input: { queue: "q" } }).start();
  for (const event of events) {
    did.length = 0;
    actor.send(event);
  }
  const { value, context } = actor.getSnapshot();
  return { did, value, context };
}

function partition(...events: PartitionEvent[]) {
  const input = { queue: "q", partition: 3, token: 5, store: "memory" };
  const actor = createActor(partitionMachine, { input }).start();
  for (const event of events) actor.send(event);
  return actor.getSnapshot();
}

test("A worker offers itself, claims what it is given, runs it and is free again", () => {
  assert.equal(worker(start).did, ["offer"]);
  assert.equal(worker(start, give).did, ["claim"]);
  const running = worker(start, give, claimed);
  assert.equal([running.value, running.did], ["running", ["run"]]);
  assert.equal([running.context.task, running.context.attempt, running.context.fencingToken], ["a", 2, 7]);
  const free = worker(start, give, claimed, ended);
  assert.equal([free.value, free.did], ["idle", ["offer"]]);
  assert.equal(
    [free.context.task, free.context.outcome, free.context.error, free.context.runs],
    [undefined, "failed", "no", 1],
  );
});

test("A worker that has passed a task up is free, and has run nothing", () => {
  const free = worker(start, give, passed);
  assert.equal([free.value, free.did, free.context.runs], ["idle", ["offer"], 0]);
});

test("A worker that is stopped ends what it has in hand, takes nothing more, and can be started again", () => {
  assert.equal([worker(start, stop).value, worker(start, stop).did], ["stopped", ["reportExit"]]);
  assert.is(worker(start, give, claimed, stop).value, "running");
  for (const way of [
    [give, stop, passed],
    [give, stop, claimed, ended],
    [give, claimed, stop, ended],
  ]) {
    assert.equal([worker(start, ...way).value, worker(start, ...way).did], ["stopped", ["reportExit"]]);
  }
  assert.is(worker(start, give, claimed, stop, ended, start, give, claimed, ended).value, "idle");
});

test("A partition serves once it is loaded, and again once a doubt is settled", () => {
  assert.is(partition().value, "loading");
  assert.is(partition({ type: "LOADED" }).value, "serving");
  const doubtful = partition({ type: "LOADED" }, { type: "DOUBTED" });
  assert.equal([doubtful.value, doubtful.context.reloads], ["loading", 1]);
});

test("A partition that is left never serves again", () => {
  const left = partition({ type: "LOADED" }, leave, { type: "LOADED" });
  assert.equal([left.value, left.context.reason], ["draining", "the lease was lost"]);
  assert.is(partition(leave, { type: "DRAINED" }, { type: "LOADED" }).value, "left");
});

test("A partition that is kept after all is loaded again", () => {
  const kept = partition({ type: "LOADED" }, leave, { type: "KEPT" });
  assert.equal([kept.value, kept.context.reloads], ["loading", 1]);
});

test("Every state of the worker and of the partition is reached, every transition taken, everything named", () => {
  assertComplete({
    machine: workerMachine,
    input: { queue: "q" },
    events: [start, stop, give, passed, claimed, ended],
    matters: ({ stopping }) => stopping,
  });
  assertComplete({
    machine: partitionMachine,
    input: { queue: "q", partition: 0, token: 1, store: "memory" },
    events: [{ type: "LOADED" }, { type: "DOUBTED" }, leave, { type: "KEPT" }, { type: "DRAINED" }],
    matters: () => undefined,
  });
  assertNamed(workerMachine);
  assertNamed(partitionMachine);
});

test.run();
