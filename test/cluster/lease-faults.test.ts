import { test } from "uvu";
import * as assert from "uvu/assert";
import { LeaseLostError } from "../../src/errors";
import { patience } from "../../src/rules/lease";
import { memoryStore } from "../../src/stores/memory";
import { nodeClock } from "../helpers/node-clock";
import { cluster, length } from "./support";

const never = new AbortController().signal;

test("A cut shorter than the window costs nothing", async () => {
  const { clock, node } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  await clock.advance(3_500);
  holder.map.cut(true);
  await clock.advance(2_900);
  holder.map.cut(false);
  await clock.advance(10 * length);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
  assert.is(lease.token, 1);
});

test("A renewal that was applied although its answer was lost counts from its start", async () => {
  const { clock, node, record } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  holder.map.faults = ["unanswered"];
  await clock.advance(length / 3 + length / 24);
  assert.is((await record())?.renewals, 1);
  holder.map.cut(true);
  await clock.advance(length / 3 + (length / 3 - length / 24) - length / 12 - 1);
  assert.not.ok(lease.signal.aborted);
  await clock.advance(1);
  assert.ok(lease.signal.aborted);
});

test("A renewal that was lost is sent again, with the window of the attempt that succeeded", async () => {
  const { clock, node, record } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  holder.map.faults = ["lost", "lost"];
  await clock.advance(length / 3 + length / 12);
  assert.is((await record())?.renewals, 3);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
});

test("A renewal applied late, before the theft, keeps the thief away; after it, is refused", async () => {
  for (const [lateBy, stolen] of [
    [8_000, false],
    [14_000, true],
  ] as const) {
    const { clock, node, record } = cluster();
    const holder = node("a");
    const lease = holder.lease();
    await lease.acquire();
    holder.map.lateBy = lateBy;
    holder.map.faults = ["late"];
    const thief = node("b").lease();
    const campaign = thief.campaign(never);
    await clock.advance(length / 3);
    holder.map.cut(true);
    await clock.advance(patience(length) - length / 3 + 500);
    assert.is((await record())?.holder, stolen ? "b" : "a");
    assert.not.ok(lease.valid());
    await clock.advance(3 * length);
    await campaign;
    assert.ok(thief.valid());
    assert.is((await record())?.holder, "b");
  }
});

test("An acquisition whose answer was lost is recognised, and one that is applied late is taken over at once", async () => {
  const { clock, node, record } = cluster();
  const a = node("a");
  a.map.faults = ["unanswered"];
  const lease = a.lease();
  assert.equal(await lease.acquire(), { token: 1 });
  const late = a.lease({ key: "other" });
  a.map.faults = ["late", "unavailable"];
  await late.acquire().then(
    () => assert.unreachable(),
    (error: unknown) => assert.is((error as { code: string }).code, "ERR_STORE_UNAVAILABLE"),
  );
  await clock.advance(1_000);
  assert.is((await record("other"))?.holder, "a");
  const taken = await late.acquire();
  assert.ok(taken !== undefined && taken.token > 2);
});

test("An answer that takes longer than the window is worth nothing", async () => {
  const { clock, node } = cluster();
  const slow = node("a");
  slow.map.latency = length / 2;
  const lease = slow.lease();
  const acquired = lease.acquire().then(
    () => "taken",
    () => "refused",
  );
  await clock.advance(20 * length);
  assert.is(await acquired, "refused");
  assert.not.ok(lease.valid());
});

test("A tenure that was asked for after its time is over, although an answer comes before the timer does", async () => {
  const { clock, node } = cluster();
  const own = nodeClock(clock, 1, 0);
  const slow = node("a", own);
  const lease = slow.lease();
  await lease.acquire();
  // The renewal is sent at a third of the lease, and answered at four fifths.
  slow.map.latency = length * 0.23;
  await clock.advance(length * 0.4);
  own.freeze("stopped");
  await clock.advance(length * 0.3);
  assert.not.ok(lease.valid());
  assert.instance(lease.signal.reason, LeaseLostError);
  await clock.advance(length * 0.2);
  own.thaw();
  assert.not.ok(lease.valid());
  await clock.advance(length);
  assert.not.ok(lease.valid());
  slow.map.latency = 0;
  assert.ok((await lease.acquire())!.token > 1);
});

test("A suspend ends the tenure: the wall moved against elapsed time", async () => {
  const { clock, node } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  clock.setWall(new Date(clock.now() + 3_000));
  assert.not.ok(lease.valid());
  assert.instance(lease.signal.reason, LeaseLostError);
  assert.ok((await lease.acquire())!.token > 1);
  assert.ok(lease.valid());
});

test("A wall that is adjusted a little does not matter", async () => {
  const { clock, node } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  clock.setWall(new Date(clock.now() - 1_500));
  clock.setWall(new Date(clock.now() + 1_500));
  await clock.advance(length);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
});

test("A lease that was taken by force is noticed through the watch", async () => {
  const { clock, node, map } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  await map.update("job", JSON.stringify({ holder: "admin" }), 1);
  await clock.advance(0);
  assert.instance(lease.signal.reason, LeaseLostError);
  assert.not.ok(lease.valid());
});

test("A release with a renewal under way that is not answered deletes what it finds to be its own", async () => {
  const { clock, node, record } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  holder.map.faults = ["unanswered"];
  await clock.advance(length / 3);
  await lease.release();
  assert.is(await record(), undefined);
});

test("A campaign waits for an unreachable store and ends with its signal", async () => {
  const { clock, node } = cluster();
  const cutOff = node("a");
  cutOff.map.cut(true);
  const lease = cutOff.lease();
  const campaign = lease.campaign(never);
  await clock.advance(60_000);
  assert.not.ok(lease.valid());
  cutOff.map.cut(false);
  await clock.advance(1_000);
  assert.equal(await campaign, { token: 1 });
});

test("A campaign on a store that was closed is refused instead of waiting for ever", async () => {
  const { clock, node } = cluster();
  const closed = memoryStore();
  const lease = node("a").lease({ map: closed.map("lease") });
  await closed.close();
  const campaign = lease.campaign(never).then(
    () => "taken",
    (error: unknown) => (error as { code: string }).code,
  );
  await clock.advance(0);
  assert.is(await campaign, "ERR_STORE_CLOSED");
});

test("An answer that comes in a later tenure concerns nobody any more", async () => {
  const { clock, node } = cluster();
  const holder = node("a");
  const lease = holder.lease();
  await lease.acquire();
  holder.map.latency = length / 2;
  await clock.advance(length - 1);
  assert.ok(lease.signal.aborted);
  holder.map.latency = 0;
  await lease.acquire();
  await clock.advance(5 * length);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
});

test("A record that is gone, as with a store made anew, is a lost lease", async () => {
  const { clock, node, map } = cluster();
  const lease = node("a").lease();
  await lease.acquire();
  await map.delete("job", 1);
  await clock.advance(0);
  assert.instance(lease.signal.reason, LeaseLostError);
  assert.not.ok(lease.valid());
});

test.run();
