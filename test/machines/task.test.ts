import { taskMachine, type TaskEvent, type TaskMachineContext } from "ostinato/machines";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertComplete, follow, waysOf, type Walk } from "../helpers/statechart";

const did: string[] = [];
const effects = ["awaitTick", "check", "abandonClaim", "startRun", "drain", "awaitRetry", "reportExit"] as const;

const claimed = { type: "CLAIMED", tick: 1_000, attempt: 1, fencingToken: 7, runId: "run" } as const;
const idleVerdicts: TaskEvent[] = [
  { type: "NOT_DUE", nextDue: 5_000 },
  { type: "HELD", holder: "other", retryIn: 100 },
  { type: "UNREACHABLE" },
  { type: "PAUSED" },
  { type: "REFUSED", reason: "newer" },
];
const recorded = {
  idle: { type: "RECORDED", outcome: "succeeded", then: "idle", nextDue: 5_000 },
  look: { type: "RECORDED", outcome: "succeeded", then: "look" },
  backoff: { type: "RECORDED", outcome: "failed", error: "broken", then: "backoff", retryAt: 2_000 },
  finished: { type: "RECORDED", outcome: "discarded", then: "finished" },
} as const satisfies Record<string, TaskEvent>;
const retryLater = { type: "RETRY_DUE_LATER", retryAt: 3_000 } as const;

const walk: Walk<TaskEvent> = {
  machine: taskMachine.provide({
    actions: Object.fromEntries(effects.map((name) => [name, () => void did.push(name)])),
  }),
  input: { name: "task", continuous: false },
  events: [
    ...(
      [
        "START",
        "TICK",
        "CHANGED",
        "TRIGGER",
        "PAUSE",
        "RESUME",
        "STOP",
        "TIMED_OUT",
        "LEASE_LOST",
        "EXHAUSTED",
      ] as const
    ).map((type) => ({ type })),
    { type: "AWAIT_RESTART", retryAt: 9_000 },
    claimed,
    retryLater,
    ...idleVerdicts,
    ...Object.values(recorded),
  ],
  matters: ({ because, stopping, paused }) => [because, stopping, paused],
};

const event = (
  type: "START" | "TICK" | "CHANGED" | "TRIGGER" | "PAUSE" | "RESUME" | "STOP" | "EXHAUSTED",
): TaskEvent => ({
  type,
});
const [start, tick, changed, trigger, pause, resume, stop] = (
  ["START", "TICK", "CHANGED", "TRIGGER", "PAUSE", "RESUME", "STOP"] as const
).map(event) as [TaskEvent, TaskEvent, TaskEvent, TaskEvent, TaskEvent, TaskEvent, TaskEvent];
const notDue = idleVerdicts[0] as TaskEvent;

/** Where these events lead, what the chart shows there, and the effects of all of them. */
function after(...events: TaskEvent[]): { state: string; context: TaskMachineContext; did: string[] } {
  did.length = 0;
  const snapshot = follow(walk, events);
  return { state: snapshot.value as string, context: snapshot.context as TaskMachineContext, did: [...did] };
}
const stateAfter = (...events: TaskEvent[]): string => after(...events).state;

test("Every state of a task's chart can be reached, every transition taken, and no event throws", () => {
  assertComplete(walk);
});

test("From every state, STOP ends in finished: at once, or once what was under way has answered", () => {
  for (const { events } of waysOf(walk)) {
    const answers: TaskEvent[] = [notDue, recorded.look];
    assert.is(stateAfter(...events, stop, ...answers), "finished", events.map(({ type }) => type).join(", "));
  }
});

test("It waits until it is started, then looks", () => {
  assert.is(stateAfter(), "idle");
  assert.is(after().context.because, "unstarted");
  assert.is(stateAfter(trigger), "idle");
  assert.is(stateAfter(start), "checking");
  for (const wake of [tick, changed, trigger]) assert.is(stateAfter(start, notDue, wake), "checking");
});

test("Every verdict but a claim leads back to waiting, and the chart shows why", () => {
  const shown = idleVerdicts.map((verdict) => after(start, verdict));
  for (const { state } of shown) assert.is(state, "idle");
  assert.equal(
    shown.map(({ context }) => context.because),
    ["notDue", "heldElsewhere", "storeUnreachable", "paused", "newerRecord"],
  );
  assert.is(shown[0]?.context.nextDue, 5_000);
  assert.is(shown[1]?.context.holder, "other");
  assert.is(shown[4]?.context.refusal, "newer");
  assert.is(after(start, idleVerdicts[1] as TaskEvent, tick, notDue).context.holder, undefined);
});

test("A claim begins a run, and the end of the run says what comes next", () => {
  const run = after(start, claimed);
  assert.is(run.state, "running");
  const { tick: at, attempt, fencingToken, runId } = run.context;
  assert.equal({ at, attempt, fencingToken, runId }, { at: 1_000, attempt: 1, fencingToken: 7, runId: "run" });
  assert.is(stateAfter(start, claimed, recorded.idle), "idle");
  assert.is(stateAfter(start, claimed, recorded.look), "checking");
  assert.is(stateAfter(start, claimed, recorded.backoff), "backoff");
  assert.is(stateAfter(start, claimed, recorded.finished), "finished");
  const ended = after(start, claimed, recorded.backoff).context;
  assert.is(ended.outcome, "failed");
  assert.is(ended.error, "broken");
  assert.is(ended.retryAt, 2_000);
  assert.is(ended.runs, 1);
});

test("A run that is told to end goes on until its end is recorded, and shows by what it was cut short", () => {
  for (const [type, cutShortBy] of [
    ["TIMED_OUT", "timeout"],
    ["LEASE_LOST", "lostLease"],
  ] as const) {
    const cut = after(start, claimed, { type });
    assert.is(cut.state, "running");
    assert.is(cut.context.cutShortBy, cutShortBy);
    assert.is(after(start, claimed, { type }, recorded.idle).context.cutShortBy, undefined);
  }
});

test("A task that waits for its next attempt is woken by time, by a change, and by hand", () => {
  for (const wake of [tick, changed, trigger]) {
    assert.is(stateAfter(start, claimed, recorded.backoff, wake), "checking");
  }
  assert.is(stateAfter(start, retryLater), "backoff");
  assert.is(after(start, retryLater).context.retryAt, 3_000);
});

test("Paused, it shows so in every state, ends what it is at, and then waits", () => {
  assert.is(after(start, notDue, pause).context.because, "paused");
  assert.is(after(start, claimed, pause).state, "running");
  for (const way of [
    [start, pause, notDue],
    [start, pause, retryLater],
    [start, claimed, pause, recorded.idle],
    [start, claimed, recorded.backoff, pause],
  ]) {
    const { state, context } = after(...way);
    assert.is(state, "idle", way.map(({ type }) => type).join(", "));
    assert.is(context.because, "paused");
    assert.ok(context.paused);
    assert.is(stateAfter(...way, resume), "checking");
    assert.not(after(...way, resume).context.paused);
  }
});

test("Paused before it is started, it is not started by resuming", () => {
  assert.is(after(pause).context.because, "unstarted");
  assert.is(stateAfter(pause, resume), "idle");
  assert.is(after(pause, resume, start).state, "checking");
});

test("A stop finishes what waits at once, and lets what runs end", () => {
  assert.is(stateAfter(stop), "finished");
  assert.is(stateAfter(start, notDue, stop), "finished");
  assert.is(stateAfter(start, claimed, recorded.backoff, stop), "finished");
  assert.is(stateAfter(start, stop), "checking");
  assert.is(stateAfter(start, claimed, stop), "running");
  assert.is(stateAfter(start, claimed, stop, recorded.backoff), "finished");
  assert.equal(after(start, stop, claimed).did.slice(-2), ["abandonClaim", "reportExit"]);
  assert.equal(after(start, claimed, stop).did.slice(-1), ["drain"]);
});

test("What has finished is started again, at once or after a while, as if it had never been stopped", () => {
  const ended = [start, claimed, recorded.finished];
  assert.is(stateAfter(...ended, start), "checking");
  assert.is(stateAfter(...ended, tick), "finished");
  const waiting = after(...ended, { type: "AWAIT_RESTART", retryAt: 9_000 });
  assert.is(waiting.state, "backoff");
  assert.is(waiting.context.retryAt, 9_000);
  assert.is(stateAfter(start, notDue, stop, start, claimed, recorded.idle), "idle");
});

test("Each state begins with its own effect, once", () => {
  assert.equal(after(start, claimed, recorded.idle, tick, event("EXHAUSTED")).did, [
    ...["awaitTick", "check", "startRun", "awaitTick", "check", "reportExit"],
  ]);
  assert.equal(after(start, claimed, recorded.backoff).did.slice(-1), ["awaitRetry"]);
});

test.run();
