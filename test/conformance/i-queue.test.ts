import type { Duration } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, worker } from "../helpers/polls";
import { onEveryStore } from "../helpers/world";

onEveryStore("I1 assigned three times before it is due runs once, as assigned last", async (world) => {
  const { queue, ran } = await worker(world);
  const at = world.clock.now() + 5_000;
  assert.is(await queue.assign({ id: "a", payload: 1, at }), "created");
  assert.is(await queue.assign({ id: "a", payload: 2, at: at + 60_000 }), "updated");
  assert.is(await queue.assign({ id: "a", payload: 3, at: at + 1_000 }), "updated");
  await world.clock.advance("2m");
  assert.equal(
    ran.map(({ payload }) => payload),
    [3],
  );
});

onEveryStore("I2 remove is true once, and what was removed never runs unless assigned again", async (world) => {
  const { queue, ran } = await worker(world);
  await queue.assign({ id: "a", payload: 1, at: world.clock.now() + 3_000 });
  assert.is(await queue.remove("a"), true);
  assert.is(await queue.remove("a"), false);
  await world.clock.advance("1m");
  assert.is(ran.length, 0);
  await queue.assign({ id: "a", payload: 2 });
  await world.clock.advance("5s");
  assert.is(ran.length, 1);
});

onEveryStore("I3 a one-shot runs once and is gone; a repeating one runs at first + k × every", async (world) => {
  const { queue, ran } = await worker(world);
  const first = Math.ceil(world.clock.now() / 1_000) * 1_000 + 10_000;
  await queue.assign({ id: "once", payload: null, at: first });
  await queue.assign({ id: "again", payload: "", at: first, every: "10s" });
  await world.clock.advanceTo(new Date(first + 35_000));
  assert.is(ran.filter(({ id }) => id === "once").length, 1);
  assert.is(await queue.get("once"), undefined);
  assert.equal(
    ran.filter(({ id }) => id === "again").map(({ at }) => at - first),
    [0, 10_000, 20_000, 30_000],
  );
});

onEveryStore(
  "I4 nothing runs before its time, and every below the bucket is refused with the limit named",
  async (world) => {
    const { queue, ran } = await worker(world);
    const due = world.clock.now() + 4_321;
    await queue.assign({ id: "a", payload: 1, at: due });
    await world.clock.advance("10s");
    assert.ok(ran[0] && ran[0].at >= due && ran[0].at <= due + 1_000);
    await queue.assign({ id: "b", payload: 1, every: 999 }).then(assert.unreachable, (error: unknown) => {
      assert.match(String(error), /every: expected at least 1s; got 999/);
    });
    assert.is(await queue.get("b"), undefined);
  },
);

onEveryStore(
  "I5 any Unicode id and JSON payload is kept; what is wrong is refused with nothing stored",
  async (world) => {
    const { queue } = await worker(world);
    const at = world.clock.now() + 3_600_000;
    const ids = ["a.b", " ", "*", ">", "a/b", "é🎵", "é".repeat(256), ".", "a..b"];
    for (const id of ids) assert.is(await queue.assign({ id, payload: { id }, at }), "created");
    for (const id of ids) assert.equal((await queue.get(id))?.payload, { id });
    assert.is(await queue.size(), ids.length);
    const wrong: [Record<string, unknown>, string][] = [
      [{ id: "" }, "ERR_INVALID_ID"],
      [{ id: "é".repeat(257) }, "ERR_INVALID_ID"],
      [{ at: NaN }, "ERR_INVALID_OPTION"],
      [{ at: new Date(NaN) }, "ERR_INVALID_OPTION"],
      [{ every: NaN }, "ERR_INVALID_DURATION"],
      [{ every: -1 }, "ERR_INVALID_DURATION"],
      [{ every: 1_000.5 }, "ERR_INVALID_OPTION"],
      [{ payload: () => 1 }, "ERR_INVALID_PAYLOAD"],
    ];
    for (const [part, code] of wrong) {
      assert.is(await codeOf(queue.assign({ id: "x", payload: 1, ...part })), code);
    }
    assert.is(await queue.size(), ids.length);
  },
);

onEveryStore("I5 a payload that is left out is null, and a timing that is null is left out", async (world) => {
  const { queue, ran } = await worker(world);
  await queue.assign({ id: "bare" });
  await queue.assign({ id: "undefined", payload: undefined });
  await queue.assign({ id: "once", payload: 1, every: null, at: null, cron: null, timeZone: null });
  await world.clock.advance("5s");
  assert.equal(ran.map(({ id, payload }) => [id, payload]).sort(), [
    ["bare", null],
    ["once", 1],
    ["undefined", null],
  ]);
  assert.is(await queue.size(), 0);
});

onEveryStore("I2 the object that was assigned removes its task", async (world) => {
  const { queue } = await worker(world);
  class Poll {
    readonly payload = { user: 1 };
    readonly every = "1h";
    get id(): string {
      return "user:1";
    }
  }
  const poll = new Poll();
  await queue.assign(poll);
  assert.is(await queue.remove(poll), true);
  assert.is(await queue.remove(poll), false);
  assert.is(await queue.remove("user:1"), false);
  for (const wrong of [{}, null, undefined, { id: "" }, { id: 7 }, []]) {
    assert.is(await codeOf(queue.remove(wrong as never)), "ERR_INVALID_ID");
  }
});

onEveryStore("I10 a lock's time that was meant in seconds is refused, with the text that says so", async (world) => {
  const { queue } = await worker(world);
  const told = async (duration: Duration): Promise<string> => queue.tryAutoLock("a", duration).then(String, String);
  assert.match(await told(60), /duration: .*got 60: write "60s" for seconds, "60ms" for milliseconds/);
  assert.match(await told(0), /at least 1ms/);
  assert.is(await told("60ms"), "true");
  await world.clock.advance("1s");
  assert.is(await told(1_000), "true");
});

onEveryStore("I7 accepting and executing are stopped and started apart from each other", async (world) => {
  const { queue, ran } = await worker(world);
  await queue.assign({ id: "a", payload: 1, at: world.clock.now() + 2_000 });
  await queue.stopAccepting();
  assert.is(await codeOf(queue.assign({ id: "b", payload: 1 })), "ERR_NOT_ACCEPTING");
  assert.is(await codeOf(queue.remove("a")), "ERR_NOT_ACCEPTING");
  await world.clock.advance("5s");
  assert.is(ran.length, 1);
  await queue.startAccepting();
  await queue.stopExecuting();
  assert.is(queue.executing, false);
  await queue.assign({ id: "b", payload: 1 });
  await world.clock.advance("1m");
  assert.is(ran.length, 1);
  await queue.startExecuting();
  await queue.startExecuting();
  await world.clock.advance("5s");
  assert.is(ran.length, 2);
});

onEveryStore("I8 a failing task is retried, then a dead letter, and delays no other", async (world) => {
  const good: string[] = [];
  const { queue } = await worker(world, {
    retry: { initialDelay: "1s", jitter: 0, limit: 2 },
    run: (_payload, { name }) => {
      if (name === "bad") throw new Error("no");
      good.push(name);
    },
  });
  await queue.assignMany(["bad", "good"].map((id) => ({ id, payload: 7 })));
  await world.clock.advance("30s");
  assert.equal(good, ["good"]);
  const letters = [];
  for await (const { id, payload, error, attempts } of queue.deadLetters())
    letters.push({ id, payload, error, attempts });
  assert.equal(letters, [{ id: "bad", payload: 7, error: "no", attempts: 3 }]);
  assert.is(await queue.size(), 0);
});

onEveryStore("I9 a repeating task never overlaps itself, and no more run than concurrency allows", async (world) => {
  const running = new Map<string, number>();
  let most = 0;
  const { queue } = await worker(world, {
    concurrency: 2,
    run: async (_payload, { name }) => {
      running.set(name, (running.get(name) ?? 0) + 1);
      assert.is(running.get(name), 1);
      most = Math.max(most, running.size);
      await world.pause(2_500);
      running.delete(name);
    },
  });
  await queue.assignMany(["a", "b", "c"].map((id) => ({ id, payload: 1, every: "1s" as const })));
  await world.clock.advance("30s");
  assert.is(most, 2);
});

onEveryStore("I10 a user's lock on an id keeps others from the lock and nobody from assigning", async (world) => {
  const { queue } = await worker(world);
  const lock = await queue.tryLock("a");
  assert.ok(lock);
  assert.is(await queue.tryLock("a"), false);
  assert.is(await queue.assign({ id: "a", payload: 1 }), "created");
  await queue.unlock(lock);
  assert.is(await codeOf(queue.unlock(lock)), "ERR_LOCK_NOT_HELD");
  assert.is(await queue.tryAutoLock("a", "5s"), true);
  assert.is(await queue.tryLock("a"), false);
  await world.clock.advance("10s");
  assert.ok(await queue.tryLock("a"));
});

onEveryStore("I11 clear says how many there were, and nothing of them runs", async (world) => {
  const { queue, ran } = await worker(world);
  const at = world.clock.now() + 5_000;
  await queue.assignMany(["u:1", "u:2", "v:1"].map((id) => ({ id, payload: id, at })));
  const listed = [];
  for await (const { id } of queue.list({ prefix: "u:" })) listed.push(id);
  assert.equal(listed.sort(), ["u:1", "u:2"]);
  assert.is(await queue.clear(), 3);
  assert.is(await queue.size(), 0);
  await world.clock.advance("1m");
  assert.is(ran.length, 0);
});

onEveryStore(
  "I17 each entity runs by the calendar in its own zone; a bad one is refused with nothing stored",
  async (world) => {
    const { queue, ran } = await worker(world, { lease: "1h" });
    await queue.assign({ id: "paris", payload: 1, cron: "0 9 * * *", timeZone: "Europe/Paris" });
    await queue.assign({ id: "tokyo", payload: 1, cron: "0 9 * * *", timeZone: "Asia/Tokyo" });
    assert.is(await codeOf(queue.assign({ id: "x", payload: 1, cron: "61 * * * *" })), "ERR_INVALID_SCHEDULE");
    const zone = queue.assign({ id: "x", payload: 1, cron: "0 9 * * *", timeZone: "Mars/Base" });
    assert.is(await codeOf(zone), "ERR_INVALID_TIME_ZONE");
    const both = queue.assign({ id: "x", payload: 1, cron: "0 9 * * *", every: "1h" });
    assert.is(await codeOf(both), "ERR_INVALID_OPTION");
    assert.is(await queue.get("x"), undefined);
    await world.clock.advance("1d");
    const hours = (id: string, timeZone: string): string[] =>
      ran
        .filter((one) => one.id === id)
        .map(({ at }) => new Date(at).toLocaleTimeString("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }));
    assert.equal(hours("paris", "Europe/Paris"), ["09:00"]);
    assert.equal(hours("tokyo", "Asia/Tokyo"), ["09:00"]);
  },
);

test.run();
