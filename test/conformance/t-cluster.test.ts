import { interval, type OstinatoError, type Lock } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable } from "../helpers/breakable-store";
import { onEveryStore, type World } from "../helpers/world";

for (const count of [3, 5, 7]) {
  onEveryStore(
    `T9 ${String(count)} nodes that compete over seven intervals run the task seven times`,
    async (world) => {
      const ticks: number[] = [];
      let running = 0;
      const nodes = Array.from({ length: count }, (_, index) => {
        const node = world.runtime({ nodeId: `node-${String(index)}` });
        node.spawn({
          name: "t9",
          schedule: interval("10s"),
          run: async ({ scheduledAt }) => {
            ticks.push(scheduledAt.getTime());
            running += 1;
            assert.is(running, 1, "two runs at once");
            await world.pause(500);
            running -= 1;
          },
        });
        return node;
      });
      await Promise.all(nodes.map((node) => node.start()));
      await world.clock.advance("69s");
      assert.is(ticks.length, 7);
      const first = ticks[0] ?? 0;
      assert.equal(
        ticks.map((tick) => tick - first),
        [0, 1, 2, 3, 4, 5, 6].map((index) => index * 10_000),
      );
    },
  );
}

onEveryStore("T10 a failing job or store does not end the schedule, nor anything beside it", async (world) => {
  const way = breakable(world.store);
  const calls = { failing: 0, throwing: 0, steady: 0 };
  const runtime = world.runtime({ store: way.store });
  let ended = false;
  runtime.finished.then(
    () => (ended = true),
    () => (ended = true),
  );
  const schedule = interval("1m");
  const retry = { limit: 0 };
  runtime.spawn({ name: "failing", schedule, retry, run: () => (++calls.failing, Promise.reject(new Error("job"))) });
  runtime.spawn({
    name: "throwing",
    schedule,
    retry,
    run: () => {
      calls.throwing += 1;
      throw new Error("at once");
    },
  });
  runtime.spawn({ name: "steady", schedule, run: () => calls.steady++ });
  await runtime.start();
  await world.clock.advance("5m");
  assert.equal(calls, { failing: 6, throwing: 6, steady: 6 });
  way.cut();
  await world.clock.advance("5m");
  assert.equal(calls, { failing: 6, throwing: 6, steady: 6 });
  way.mend();
  await world.clock.advance("5m");
  for (const [name, count] of Object.entries(calls))
    assert.ok(count >= 11, `${name} was called ${String(count)} times`);
  assert.is(ended, false);
});

async function nodesOf(world: World): Promise<[ReturnType<World["runtime"]>, ReturnType<World["runtime"]>]> {
  const nodes = [world.runtime({ nodeId: "a", lease: "9s" }), world.runtime({ nodeId: "b", lease: "9s" })] as const;
  await Promise.all(nodes.map((node) => node.start()));
  return [...nodes];
}

function held(lock: Lock | false): Lock {
  assert.ok(lock, "expected the lock to be free");
  return lock;
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    (error: unknown) => (error as OstinatoError).code,
  );
}

onEveryStore("T15 a try-lock on a busy lock returns at once, and only its holder releases it", async (world) => {
  const [a, b] = await nodesOf(world);
  const lock = held(await a.locks.tryLock("report"));
  const asked = world.clock.monotonic();
  assert.is(await b.locks.tryLock("report"), false);
  assert.is(await a.locks.tryLock("report"), false, "no exception for the process that holds it");
  assert.is(await b.locks.tryAutoLock("report", "1s"), false);
  assert.is(world.clock.monotonic(), asked);
  assert.is(await codeOf(b.locks.unlock(lock)), "ERR_LOCK_NOT_HELD");
  assert.is(await codeOf(b.locks.unlock({ ...lock })), "ERR_LOCK_NOT_HELD");
  assert.is(await b.locks.tryLock("report"), false, "a foreign unlock changes nothing");
  await world.clock.advance("1m");
  assert.is(await b.locks.tryLock("report"), false, "a lock that is held is renewed");
  assert.is(lock.signal.aborted, false);
  await a.locks.unlock(lock);
  assert.is(await codeOf(a.locks.unlock(lock)), "ERR_LOCK_NOT_HELD");
  await world.clock.advance(1);
  const next = held(await b.locks.tryLock("report"));
  assert.ok(next.token > lock.token);
});

onEveryStore("T15 holding one lock never lets another through", async (world) => {
  const [a, b] = await nodesOf(world);
  const one = held(await a.locks.tryLock("user:1"));
  const other = held(await b.locks.tryLock("user:2"));
  for (const id of ["user:1", "user:2"]) {
    for (const node of [a, b]) assert.is(await node.locks.tryLock(id), false, id);
  }
  assert.ok(await b.locks.tryLock("user:"));
  assert.ok(await b.locks.tryLock("user:1.x"));
  assert.is(await codeOf(a.locks.unlock(other)), "ERR_LOCK_NOT_HELD");
  await a.locks.unlock(one);
  await world.clock.advance(1);
  assert.is(await a.locks.tryLock("user:2"), false);
  assert.ok(await b.locks.tryLock("user:1"));
});

onEveryStore("T15 expiry frees a lock: after its fixed time, or a lease after its holder has died", async (world) => {
  const [a, b] = await nodesOf(world);
  assert.is(await a.locks.tryAutoLock("minute", "1m"), true);
  await world.clock.advance("59s");
  assert.is(await b.locks.tryLock("minute"), false);
  assert.is(await a.locks.tryAutoLock("minute", "1m"), false);
  await world.clock.advance("2s");
  assert.ok(await b.locks.tryLock("minute"));

  const frozen = world.otherClock();
  const dead = world.runtime({ nodeId: "dead", clock: frozen, lease: "9s" });
  await dead.start();
  const lost = held(await dead.locks.tryLock("orphan"));
  await world.clock.advance("8s");
  assert.is(await b.locks.tryLock("orphan"), false);
  await world.clock.advance("2s");
  const next = held(await b.locks.tryLock("orphan"));
  assert.ok(next.token > lost.token);
  await frozen.advance("10s");
  assert.is(lost.signal.aborted, true);
  assert.is((lost.signal.reason as OstinatoError).code, "ERR_LEASE_LOST");
  assert.is(await codeOf(dead.locks.unlock(lost)), "ERR_LOCK_NOT_HELD");
});

onEveryStore("T15 locks need an id, and a runtime that runs; its stop releases what it holds", async (world) => {
  const [a, b] = await nodesOf(world);
  assert.is(await codeOf(a.locks.tryLock("")), "ERR_INVALID_ID");
  assert.is(await codeOf(a.locks.tryAutoLock("x", 0)), "ERR_INVALID_DURATION");
  held(await a.locks.tryLock("kept"));
  await a.stop();
  assert.is(await codeOf(a.locks.tryLock("kept")), "ERR_STOPPED");
  await world.clock.advance(1);
  assert.ok(await b.locks.tryLock("kept"));
});

test.run();
