import { test } from "uvu";
import * as assert from "uvu/assert";
import { Locks, type Lock } from "../../src/cluster/locks";
import type { OstinatoError } from "../../src/errors";
import { cluster, length, type Cluster, type Node } from "./support";

function locksOf({ clock }: Cluster, { name, map, view }: Node): Locks {
  return new Locks({ map, view, prefix: "lock.", holder: name, clock, epoch: 0, lease: length });
}

async function two(): Promise<{ world: Cluster; nodeA: Node; a: Locks; b: Locks }> {
  const world = cluster();
  const nodeA = world.node("a");
  const nodeB = world.node("b");
  await Promise.all([nodeA.view.ready, nodeB.view.ready]);
  return { world, nodeA, a: locksOf(world, nodeA), b: locksOf(world, nodeB) };
}

const code = (error: OstinatoError): string => error.code;
const held = (lock: Lock | false): Lock => (lock === false ? assert.unreachable("expected the lock") : lock) as Lock;

test("T15 a busy lock answers false at once, here and elsewhere", async () => {
  const { a, b } = await two();
  assert.ok(await a.tryLock("x"));
  assert.is(await a.tryLock("x"), false);
  assert.is(await b.tryLock("x"), false);
  assert.is(await b.tryAutoLock("x", 1_000), false);
});

test("T15 holding one lock never lets another through", async () => {
  const { a, b } = await two();
  await a.tryLock("x");
  await b.tryLock("y");
  assert.is(await a.tryLock("y"), false);
  assert.is(await b.tryLock("x"), false);
  assert.ok(await a.tryLock("x."));
});

test("T15 a lock is released by its holder only; a foreign, second or invented unlock is an error", async () => {
  const { a, b } = await two();
  const lock = held(await a.tryLock("x"));
  assert.is(await b.unlock(lock).catch(code), "ERR_LOCK_NOT_HELD");
  assert.is(await a.unlock({ ...lock }).catch(code), "ERR_LOCK_NOT_HELD");
  assert.is(await a.unlock(false as never).catch(code), "ERR_LOCK_NOT_HELD");
  assert.is(await b.tryLock("x"), false);
  await a.unlock(lock);
  assert.is(await a.unlock(lock).catch(code), "ERR_LOCK_NOT_HELD");
  const next = held(await b.tryLock("x"));
  assert.ok(next.token > lock.token);
  assert.is(await a.unlock(lock).catch(code), "ERR_LOCK_NOT_HELD");
  assert.is(await a.tryLock("x"), false);
});

test("A lock is kept for as long as its holder lives", async () => {
  const { world, a, b } = await two();
  const lock = held(await a.tryLock("x"));
  await world.clock.advance("1d");
  assert.is(await b.tryLock("x"), false);
  assert.not.ok(lock.signal.aborted);
  await a.unlock(lock);
});

test("T15 the lock of a process that died is free after its lease, and cannot be unlocked by its ghost", async () => {
  const { world, nodeA, a, b } = await two();
  const lock = held(await a.tryLock("x"));
  nodeA.map.cut(true);
  await world.clock.advance(length);
  assert.is(await b.tryLock("x"), false);
  assert.ok(lock.signal.aborted);
  await world.clock.advance(length / 10);
  assert.ok(await b.tryLock("x"));
  assert.is(await a.unlock(lock).catch(code), "ERR_LOCK_NOT_HELD");
});

test("T15 a lock for a time ends by itself, neither earlier nor later, and is renewed by nobody", async () => {
  const { world, nodeA, a, b } = await two();
  assert.is(await a.tryAutoLock("x", 60_000), true);
  await world.clock.advance(59_999);
  assert.is(await a.tryAutoLock("x", 60_000), false);
  assert.is(await b.tryLock("x"), false);
  assert.is(await b.tryAutoLock("x", 5), false);
  await world.clock.advance(1);
  assert.is(await b.tryAutoLock("x", 60_000), true);
  nodeA.map.cut(true);
  assert.is(await world.record("lock.x").then((record) => record?.holder), "b");
});

test("A lock for a time ends although its process has died, and leaves nothing behind otherwise", async () => {
  const { world, nodeA, a, b } = await two();
  await a.tryAutoLock("x", 60_000);
  await a.tryAutoLock("y", 30_000);
  await world.clock.advance(30_000);
  assert.is(await world.record("lock.y"), undefined);
  nodeA.map.cut(true);
  await world.clock.advance(30_000);
  assert.ok(await b.tryLock("x"));
});

test("A lock that was never seen here before is watched from now on", async () => {
  const { world, nodeA, a } = await two();
  await a.tryLock("x");
  nodeA.map.cut(true);
  await world.clock.advance(10 * length);
  const late = locksOf(world, world.node("late"));
  assert.is(await late.tryLock("x"), false);
  await world.clock.advance(length * 1.1);
  assert.ok(await late.tryLock("x"));
});

test("An unreachable store is an error, not a busy lock; an unanswered try is settled", async () => {
  const { nodeA, a, b } = await two();
  nodeA.map.cut(true);
  assert.is(await a.tryLock("x").catch(code), "ERR_STORE_UNAVAILABLE");
  nodeA.map.cut(false);
  nodeA.map.faults = ["unanswered"];
  assert.ok(await a.tryLock("x"));
  assert.is(await b.tryLock("x"), false);
});

test("Of many who try at once one gets the lock", async () => {
  const world = cluster();
  const tries = await Promise.all(
    Array.from({ length: 8 }, (_, i) => locksOf(world, world.node(`n${String(i % 4)}`)).tryLock("x")),
  );
  assert.is(tries.filter((lock) => lock !== false).length, 1);
});

test("Closing gives back what is held and leaves no timer", async () => {
  const { world, a, b } = await two();
  await a.tryLock("x");
  await a.tryAutoLock("y", 60_000);
  await a.close();
  assert.is(world.clock.pending(), 0);
  assert.ok(await b.tryLock("x"));
  assert.is(await b.tryLock("y"), false);
});

test("An id that is not a non-empty string is refused", async () => {
  const { a } = await two();
  assert.is(await a.tryLock("").catch(code), "ERR_INVALID_ID");
  assert.is(await a.tryAutoLock(7 as never, 1_000).catch(code), "ERR_INVALID_ID");
});

test.run();
