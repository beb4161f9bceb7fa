import { test } from "uvu";
import * as assert from "uvu/assert";
import { Membership } from "../../src/cluster/membership";
import { OstinatoError } from "../../src/errors";
import { patience } from "../../src/rules/lease";
import { cluster, length, type Cluster, type Node } from "./support";

const about = { host: "host", pid: 1, version: "1.0.0", started: 0 };

function membershipOf({ clock }: Cluster, { name, map, view }: Node, holds?: () => unknown): Membership {
  return new Membership({ map, view, id: name, about, clock, epoch: 0, lease: length, ...(holds ? { holds } : {}) });
}

const ids = (membership: Membership): string[] => membership.members().map(({ id }) => id);

test("Who joins is seen by all, with what it tells about itself", async () => {
  const world = cluster();
  const a = membershipOf(world, world.node("a"), () => ["polls"]);
  const b = membershipOf(world, world.node("b"));
  let changes = 0;
  b.onChange(() => (changes += 1));
  await a.join();
  await world.clock.advance(0);
  assert.equal(b.members(), [{ id: "a", ...about, holds: ["polls"] }]);
  assert.is(changes, 1);
  await b.join();
  await world.clock.advance(10 * length);
  assert.equal(ids(a), ["a", "b"]);
  assert.is(changes, 2, "renewals change nothing");
});

test("Who leaves is gone at once; who dies, after its lease on the clock of the observer", async () => {
  const world = cluster();
  const nodes = ["a", "b", "c"].map((name) => world.node(name));
  const [a, b, c] = nodes.map((node) => membershipOf(world, node)) as [Membership, Membership, Membership];
  await Promise.all([a.join(), b.join(), c.join()]);
  await b.leave();
  await world.clock.advance(0);
  assert.equal(ids(a), ["a", "c"]);
  const goneAt: number[] = [];
  a.onChange(() => goneAt.push(world.clock.monotonic()));
  nodes[2]!.map.cut(true);
  await world.clock.advance(2 * length);
  assert.equal(ids(a), ["a"]);
  assert.equal(goneAt, [patience(length)]);
});

test("A change of its summary is told to the others with the next renewal", async () => {
  const world = cluster();
  let holds = 1;
  const a = membershipOf(world, world.node("a"), () => holds);
  const b = membershipOf(world, world.node("b"));
  await a.join();
  holds = 2;
  await world.clock.advance(length / 3);
  assert.is(b.members()[0]?.holds, 2);
});

test("Who is not permitted to join keeps nobody waiting, and joins once it is permitted", async () => {
  const world = cluster();
  const node = world.node("a");
  const { create } = node.map;
  node.map.create = () => Promise.reject(new OstinatoError("ERR_STORE_PERMISSION", "not for this user"));
  const a = membershipOf(world, node);
  await a.join();
  assert.equal(ids(a), []);
  await world.clock.advance(3.5 * length);
  const calls = node.map.calls;
  node.map.create = create;
  await world.clock.advance(length);
  assert.is(node.map.calls, calls + 2, "one try a lease, and one renewal since");
  assert.equal(ids(a), ["a"]);
  await a.leave();
});

test("A member that was cut off is one again as soon as it can be", async () => {
  const world = cluster();
  const node = world.node("a");
  const a = membershipOf(world, node);
  const b = membershipOf(world, world.node("b"));
  await a.join();
  node.map.cut(true);
  await world.clock.advance(3 * length);
  assert.equal(ids(b), []);
  node.map.cut(false);
  await world.clock.advance(length / 12);
  assert.equal(ids(b), ["a"]);
});

test("A dead member's record is deleted in the end, and memberships with other prefixes are others", async () => {
  const world = cluster();
  const dying = world.node("dying");
  await membershipOf(world, dying).join();
  const a = membershipOf(world, world.node("a"));
  await a.join();
  const { name, map, view } = world.node("elsewhere");
  const other = new Membership({
    map,
    view,
    id: name,
    about,
    clock: world.clock,
    epoch: 0,
    lease: length,
    prefix: "q.m.",
  });
  await other.join();
  dying.map.cut(true);
  await world.clock.advance(9 * length);
  assert.ok(await world.record("node.dying"));
  await world.clock.advance(2 * length);
  assert.is(await world.record("node.dying"), undefined);
  assert.equal(ids(a), ["a"]);
  assert.equal(ids(other), ["elsewhere"]);
});

test("Joining and leaving in any order leaves nothing behind", async () => {
  const world = cluster();
  const node = world.node("a");
  const a = membershipOf(world, node);
  await a.leave();
  const joined = a.join();
  await a.leave();
  await joined;
  assert.is(await world.record("node.a"), undefined);
  await Promise.all([a.join(), a.join()]);
  assert.equal(ids(a), ["a"]);
  node.map.cut(true);
  await a.close();
  node.map.cut(false);
  const cutOff = membershipOf(world, node);
  node.map.cut(true);
  const never = cutOff.join();
  await cutOff.close();
  await never;
  assert.is(world.clock.pending(), 0);
});

test.run();
