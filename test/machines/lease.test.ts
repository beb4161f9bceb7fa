import { createActor, type ActorRefFrom } from "xstate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { leaseMachine, type LeaseEvent, type Tenure } from "../../machines/lease";

const tenure: Tenure = { number: 1, token: 5, acquired: 5, revision: 5, renewals: 0, startedAt: 0, skew: 0 };
const renewed: Tenure = { ...tenure, revision: 6, renewals: 1, startedAt: 5_000 };
const effects = [
  "attempt",
  "announceTenure",
  "renew",
  "awaitRenewal",
  "awaitRetry",
  "release",
  "announceLoss",
] as const;

interface Run {
  actor: ActorRefFrom<typeof leaseMachine>;
  did: string[];
  state: () => unknown;
}

/** A lease to which all this has happened, and the effects that it asked for since. */
function after(...events: LeaseEvent[]): Run {
  const did: string[] = [];
  const actions = Object.fromEntries(effects.map((name) => [name, () => void did.push(name)]));
  const actor = createActor(leaseMachine.provide({ actions }), { input: { key: "k", holder: "a" } }).start();
  for (const event of events) {
    did.length = 0;
    actor.send(event);
  }
  return { actor, did, state: () => actor.getSnapshot().value };
}

const acquire: LeaseEvent = { type: "ACQUIRE" };
const acquired: LeaseEvent = { type: "ACQUIRED", tenure };
const renew: LeaseEvent = { type: "RENEW" };
const unanswered: LeaseEvent = { type: "UNANSWERED", reason: "no answer" };

test("A lease begins absent, and is tried once for each time it is asked for", () => {
  assert.is(after().state(), "absent");
  assert.equal(after(acquire).did, ["attempt"]);
  assert.equal(after(acquire, acquire).did, []);
  const refused = after(acquire, { type: "REFUSED", reason: "held" });
  assert.is(refused.state(), "absent");
  assert.is(refused.actor.getSnapshot().context.reason, "held");
  assert.equal(after(acquire, { type: "REFUSED", reason: "held" }, acquire).did, ["attempt"]);
});

test("A held lease goes between trusted and renewing", () => {
  const held = after(acquire, acquired);
  assert.equal(held.state(), { held: "trusted" });
  assert.equal(held.did, ["announceTenure", "awaitRenewal"]);
  assert.equal(after(acquire, acquired, renew).did, ["renew"]);
  const again = after(acquire, acquired, renew, { type: "RENEWED", tenure: renewed });
  assert.equal(again.state(), { held: "trusted" });
  assert.equal(again.did, ["awaitRenewal"]);
  assert.is(again.actor.getSnapshot().context.tenure, renewed);
});

test("One renewal is under way at a time", () => {
  assert.equal(after(acquire, acquired, renew, renew).did, []);
});

test("After an unanswered renewal it is in doubt until one is known to have been applied", () => {
  const doubtful = after(acquire, acquired, renew, unanswered);
  assert.equal(doubtful.state(), { held: "doubtful" });
  assert.equal(doubtful.did, ["awaitRetry"]);
  assert.is(doubtful.actor.getSnapshot().context.tenure, tenure);
  const settled = after(acquire, acquired, renew, unanswered, renew, { type: "RENEWED", tenure: renewed });
  assert.equal(settled.state(), { held: "trusted" });
  assert.is(settled.actor.getSnapshot().context.reason, undefined);
});

test("From every part of held, a lease that was taken is lost with its tenure", () => {
  for (const path of [[], [renew], [renew, unanswered]]) {
    for (const type of ["TAKEN", "SLEPT"] as const) {
      const lost = after(acquire, acquired, ...path, { type, reason: "gone" });
      assert.is(lost.state(), "lost");
      assert.equal(lost.did, ["announceLoss"]);
      assert.is(lost.actor.getSnapshot().context.tenure, undefined);
      assert.is(lost.actor.getSnapshot().context.reason, "gone");
    }
  }
});

test("A lapsed lease is lost, but what ends may still know its tenure; no late renewal brings it back", () => {
  const lapsed = after(acquire, acquired, renew, { type: "LAPSED", reason: "too late" });
  assert.is(lapsed.state(), "lost");
  assert.is(lapsed.actor.getSnapshot().context.tenure, tenure);
  lapsed.actor.send({ type: "RENEWED", tenure: renewed });
  assert.is(lapsed.state(), "lost");
  assert.is(lapsed.actor.getSnapshot().context.tenure, tenure);
  lapsed.actor.send({ type: "TAKEN", reason: "gone" });
  assert.is(lapsed.actor.getSnapshot().context.tenure, undefined);
});

test("From lost it can only be taken anew, as another tenure", () => {
  const anew = after(acquire, acquired, { type: "LAPSED", reason: "too late" }, acquire);
  assert.is(anew.state(), "acquiring");
  assert.is(anew.actor.getSnapshot().context.tenure, undefined);
});

test("A release gives the record up, also that of a tenure that has lapsed", () => {
  for (const path of [[], [renew], [renew, unanswered], [{ type: "LAPSED", reason: "too late" } as const]]) {
    const releasing = after(acquire, acquired, ...path, { type: "RELEASE" });
    assert.is(releasing.state(), "releasing");
    assert.equal(releasing.did, ["release"]);
    releasing.actor.send({ type: "RELEASED" });
    assert.is(releasing.state(), "absent");
    assert.is(releasing.actor.getSnapshot().context.tenure, undefined);
  }
  assert.is(after(acquire, acquired, { type: "TAKEN", reason: "gone" }, { type: "RELEASE" }).state(), "absent");
});

test("A release while it is being taken takes effect as soon as it is ours", () => {
  const withdrawn = after(acquire, { type: "RELEASE" }, acquired);
  assert.is(withdrawn.state(), "releasing");
  assert.equal(withdrawn.did, ["release"]);
  const refused = after(acquire, { type: "RELEASE" }, { type: "REFUSED", reason: "held" }, acquire, acquired);
  assert.equal(refused.state(), { held: "trusted" });
});

test("Events that come too late change nothing", () => {
  for (const late of [
    renew,
    unanswered,
    acquired,
    { type: "RELEASED" } as const,
    { type: "TAKEN", reason: "x" } as const,
  ]) {
    assert.is(after(late).state(), "absent");
  }
});

test.run();
