import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "../../src/clocks/virtual";
import { createLease, type Lease, type LeaseOptions } from "../../src/cluster/lease";
import { Membership } from "../../src/cluster/membership";
import { View } from "../../src/cluster/view";
import { LeaseLostError } from "../../src/errors";
import { patience, readLease, stopAt } from "../../src/rules/lease";
import { memoryStore } from "../../src/stores/memory";
import { length } from "./support";

const day = 24 * 60 * 60_000;

/** A memory store, and nodes of this process that reach it directly. */
function house() {
  const clock = virtualClock();
  const map = memoryStore().map("leases");
  const node = async (holder: string, own = clock, prefix = "") => {
    const view = new View(map, prefix, own);
    await view.ready;
    const options = { map, view, key: "job", holder, lease: length, clock: own, epoch: 0, random: () => 0 };
    return { view, lease: (more: Partial<LeaseOptions> = {}): Lease => createLease({ ...options, ...more }) };
  };
  const record = async () => readLease((await map.get("job"))?.value);
  return { clock, map, node, record };
}

const never = new AbortController().signal;

test("Where nobody else watches, a lease is kept for a day without a renewal and without a timer", async () => {
  const { clock, node, record } = house();
  const lease = (await node("a")).lease();
  await lease.acquire();
  await clock.advance(length);
  assert.is(clock.pending(), 0);
  await clock.advance(day);
  assert.ok(lease.valid());
  assert.not.ok(lease.signal.aborted);
  assert.is((await record())?.renewals, 0);
});

test("It is renewed again as soon as somebody else watches, who waits in vain, and no more once that one has left", async () => {
  const { clock, node, record } = house();
  const lease = (await node("a")).lease();
  await lease.acquire();
  await clock.advance(day);
  const other = await node("b");
  const enough = new AbortController();
  const campaign = other.lease().campaign(enough.signal);
  await clock.advance(10 * length);
  assert.ok(lease.valid());
  assert.is((await record())?.holder, "a");
  assert.ok(((await record())?.renewals ?? 0) >= 29);
  enough.abort();
  await campaign.catch(() => undefined);
  await other.view.close();
  await clock.advance(length);
  const renewals = (await record())?.renewals;
  await clock.advance(day);
  assert.is((await record())?.renewals, renewals);
  assert.ok(lease.valid());
});

test("A holder whose clock stands still is waited for a lease from when the other one came", async () => {
  const { clock, node } = house();
  const frozen = virtualClock();
  const dead = (await node("a", frozen)).lease();
  await dead.acquire();
  await frozen.advance(day);
  const other = (await node("b")).lease();
  const taken = other.campaign(never).then(() => clock.monotonic());
  await clock.advance(patience(length) - 1);
  assert.not.ok(other.valid());
  await clock.advance(1);
  assert.is(await taken, patience(length));
  await frozen.advance(0);
  assert.not.ok(dead.valid());
});

test("A holder that cannot renew when another one comes stops in time", async () => {
  const { clock, map, node } = house();
  const update = map.update.bind(map);
  const lease = (await node("a")).lease();
  await lease.acquire();
  await clock.advance(day);
  map.update = () => Promise.reject(new Error("out of order"));
  await node("b");
  await clock.advance(stopAt(0, length) - 1);
  assert.not.ok(lease.signal.aborted);
  await clock.advance(1);
  assert.ok(lease.signal.aborted);
  map.update = update;
});

test("A watch that does not cover the key makes no difference", async () => {
  const { clock, node, record } = house();
  const lease = (await node("a")).lease();
  await lease.acquire();
  await node("b", clock, "other.");
  await clock.advance(day);
  assert.is((await record())?.renewals, 0);
});

test("A second lease of the same process waits for as long as the first is held, and not longer", async () => {
  const { clock, node } = house();
  const { lease } = await node("a");
  const [first, second] = [lease(), lease()];
  await first.acquire();
  const taken = second.campaign(never).then(() => clock.monotonic());
  await clock.advance(day);
  assert.ok(first.valid());
  assert.not.ok(second.valid());
  await first.release();
  assert.is(await taken, day);
});

test("A wall that moves ends it, and so do another's write and a deletion", async () => {
  for (const end of ["wall", "write", "deletion"]) {
    const { clock, map, node } = house();
    const lease = (await node("a")).lease();
    await lease.acquire();
    await clock.advance(day);
    const revision = (await map.get("job"))?.revision ?? 0;
    if (end === "wall") clock.setWall(clock.now() - 3_000);
    else if (end === "write") await map.update("job", JSON.stringify({ holder: "admin" }), revision);
    else await map.delete("job", revision);
    await clock.advance(0);
    assert.instance(lease.signal.reason, LeaseLostError);
    assert.not.ok(lease.valid());
  }
});

test("A member that is alone lives on for its process", async () => {
  const { clock, map, node } = house();
  const { view } = await node("a");
  const about = { host: "host", pid: 1, version: "1.0.0", started: 0 };
  const membership = new Membership({ map, view, id: "a", about, clock, epoch: 0, lease: length });
  await membership.join();
  await clock.advance(day);
  assert.equal(
    membership.members().map(({ id }) => id),
    ["a"],
  );
  assert.is(clock.pending(), 0);
  await membership.close();
});

test.run();
