import { discard, retryAfter, type OstinatoError, type Queue, type QueueOptions } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, collect, idsOf, worker, type Ran } from "../helpers/polls";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const payloads = (ran: readonly Ran[]): unknown[] => ran.map(({ payload }) => payload);

/** What is in the dead letters, in short. */
async function letters(queue: Queue): Promise<object[]> {
  const all = await collect(queue.deadLetters());
  return all.map(({ id, reason, error, attempts }) => ({ id, reason, error, attempts })).sort(byId);
}
const byId = (a: { id: string | undefined }, b: { id: string | undefined }): number =>
  (a.id ?? "") < (b.id ?? "") ? -1 : 1;

/** The next instant at which a bucket begins, and half a bucket of room before it. */
function soon(world: World): number {
  return Math.ceil(world.clock.now() / 1_000) * 1_000 + 2_000;
}

onEveryStore("I1 the payload, every and at that were assigned last count at once", async (world) => {
  const { queue, ran } = await worker(world);
  const first = soon(world);
  await queue.assign({ id: "faster", payload: "old", at: first, every: "1h" });
  await queue.assign({ id: "sooner", payload: "old", at: first + 3_600_000, every: "1h" });
  await queue.assign({ id: "later", payload: "old", at: first + 1_000 });
  await world.clock.advanceTo(first + 500);
  assert.equal(idsOf(ran), ["faster"]);
  await queue.assign({ id: "faster", payload: "new", at: first + 2_000, every: "2s" });
  await queue.assign({ id: "sooner", payload: "new", at: first + 4_000 });
  await queue.assign({ id: "later", payload: "new", at: first + 60_000 });
  await world.clock.advanceTo(first + 8_500);
  const since = (id: string): unknown[] =>
    ran.filter((one) => one.id === id).map(({ payload, at }) => [payload, at - first]);
  const every2s = [2_000, 4_000, 6_000, 8_000].map((at) => ["new", at]);
  assert.equal(since("faster"), [["old", 0], ...every2s]);
  assert.equal(since("sooner"), [["new", 4_000]]);
  assert.equal(since("later"), []);
  assert.is(await queue.get("sooner"), undefined);
  await queue.assign({ id: "faster", payload: "last" });
  await world.clock.advance("1m");
  assert.equal(
    since("faster")
      .slice(5)
      .map((one) => (one as [unknown])[0]),
    ["last"],
    "it repeats no more",
  );
});

onEveryStore(
  "I2 what is removed while it runs is not scheduled again; assigned anew it is kept as assigned",
  async (world) => {
    const { queue, ran } = await worker(world, { run: () => world.pause(3_000) });
    const first = soon(world);
    for (const id of ["removed", "anew", "once"]) await queue.assign({ id, payload: 1, at: first, every: "10s" });
    await world.clock.advanceTo(first + 1_000);
    assert.is((await queue.get("anew"))?.running, true);
    assert.is(await queue.remove("removed"), true);
    assert.is(await queue.assign({ id: "anew", payload: 2, at: first + 7_000, every: "5s" }), "updated");
    assert.is(await queue.remove("once"), true);
    assert.is(await queue.assign({ id: "once", payload: 2, at: first + 8_000 }), "created");
    await world.clock.advanceTo(first + 5_000);
    assert.is(await queue.get("removed"), undefined);
    assert.equal([(await queue.get("anew"))?.every, (await queue.get("anew"))?.running], [5_000, false]);
    await world.clock.advanceTo(first + 19_000);
    const of = (id: string): unknown[] =>
      ran.filter((one) => one.id === id).map(({ payload, at }) => [payload, at - first]);
    assert.equal(of("removed"), [[1, 0]]);
    assert.equal(of("anew"), [
      [1, 0],
      [2, 7_000],
      [2, 12_000],
      [2, 17_000],
    ]);
    assert.equal(of("once"), [
      [1, 0],
      [2, 8_000],
    ]);
  },
);

onEveryStore("I5 any JSON value comes to the run as it was assigned, and what is no JSON is refused", async (world) => {
  const { queue, ran } = await worker(world, { concurrency: 1 });
  const at = soon(world);
  const given = ["", null, 0, false, [], {}, { a: [{ b: null }, "é🎵\u0000\n"], "": 1.5e-7 }, "x".repeat(10_000)];
  for (const [index, payload] of given.entries()) await queue.assign({ id: `p${String(index)}`, payload, at });
  const circle: unknown[] = [];
  circle.push(circle);
  for (const payload of [circle, undefined, () => 1, 1n, Symbol("s")]) {
    assert.is(await codeOf(queue.assign({ id: "wrong", payload, at })), "ERR_INVALID_PAYLOAD");
  }
  for (const wrong of [
    { every: "often" },
    { every: Infinity },
    { at: Infinity },
    { at: 1.5 },
    { at: "soon" },
    { evry: 1 },
  ]) {
    const told = await queue.assign({ id: "wrong", payload: 1, ...(wrong as object) }).then(() => "accepted", String);
    assert.match(told, new RegExp(String(Object.keys(wrong)[0])), "the field is named");
  }
  assert.is(await queue.get("wrong"), undefined);
  await world.clock.advance("10s");
  assert.equal(payloads(ran), given);
});

onEveryStore("I6 inside a bucket the first that was written runs first", async (world) => {
  const { queue, ran } = await worker(world, { concurrency: 1, claim: false });
  const bucket = soon(world);
  const ids = Array.from({ length: 20 }, (_, index) => `t${String((index * 7) % 20)}`);
  for (const [index, id] of ids.entries()) await queue.assign({ id, payload: 1, at: bucket - ((index * 311) % 1_000) });
  await queue.assign({ id: "t0", payload: 2, at: bucket });
  await world.clock.advanceTo(bucket + 500);
  assert.equal(idsOf(ran), [...ids.slice(1), "t0"]);
});

onEveryStore("I6 what is overdue runs oldest first, and each task once", async (world) => {
  const { queue, ran } = await worker(world, { concurrency: 1 });
  await queue.stopExecuting();
  const start = soon(world);
  const minutes = Array.from({ length: 24 }, (_, index) => (index * 5) % 24);
  const task = (minute: number): object => ({ payload: minute, at: start + minute * 60_000 });
  for (const minute of minutes) await queue.assign({ id: `m${String(minute)}`, payload: 0, ...task(minute) });
  const partitionOf = new Map((await collect(queue.list())).map(({ id, partition }) => [id, partition]));
  await world.clock.advance("1h");
  await queue.startExecuting();
  await world.clock.advance("1m");
  assert.is(ran.length, 24);
  assert.is(new Set(idsOf(ran)).size, 24);
  for (let partition = 0; partition < 4; partition += 1) {
    const own = ran.filter(({ id }) => partitionOf.get(id) === partition).map(({ scheduledAt }) => scheduledAt);
    assert.equal(
      own,
      [...own].sort((a, b) => a - b),
    );
  }
});

onEveryStore("I6 the missed times of a repeating task follow misfire: one run, none, or all", async (world) => {
  const runtimes = (["once", "skip", "all"] as const).map((misfire) => worker(world, { name: misfire, misfire }));
  const workers = await Promise.all(runtimes);
  const first = soon(world) + 10_000;
  for (const { queue } of workers) {
    await queue.assign({ id: "often", payload: 1, at: first, every: "10s" });
    await queue.assign({ id: "once", payload: 1, at: first });
    await queue.stopExecuting();
  }
  await world.clock.advanceTo(first + 35_000);
  for (const { queue } of workers) await queue.startExecuting();
  await world.clock.advanceTo(first + 51_000);
  const [once, skip, all] = workers.map(({ ran }) =>
    ran.filter(({ id }) => id === "often").map(({ scheduledAt }) => scheduledAt - first),
  );
  assert.equal(once, [0, 40_000, 50_000]);
  assert.equal(skip, [40_000, 50_000]);
  assert.equal(all, [0, 10_000, 20_000, 30_000, 40_000, 50_000]);
  for (const { ran } of workers) assert.is(ran.filter(({ id }) => id === "once").length, 1);
});

onEveryStore(
  "I7 a stop aborts what runs at its deadline, and waits for nothing that does not end then",
  async (world) => {
    const reasons: unknown[] = [];
    const { queue, ran, runtime } = await worker(
      world,
      {
        run: (_payload, { name, signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => {
              reasons.push((signal.reason as OstinatoError).code);
              if (name === "polite") reject(signal.reason as Error);
            });
          }),
      },
      { shutdownTimeout: "4s" },
    );
    const other = await world.runtime().queue({ name: "polls" });
    await queue.assignMany(["polite", "deaf"].map((id) => ({ id, payload: 1 })));
    await world.clock.advance("3s");
    assert.is(ran.length, 2);
    let isStopped = false;
    const stopped = runtime.stop().then(() => (isStopped = true));
    await world.clock.advance("3s");
    assert.equal([isStopped, reasons], [false, []]);
    await world.clock.advance("2s");
    assert.equal([isStopped, reasons], [false, ["ERR_SHUTDOWN", "ERR_SHUTDOWN"]]);
    await world.clock.advance("5s");
    await stopped;
    assert.equal([(await other.get("polite"))?.attempt, (await other.get("polite"))?.running], [0, false]);
    assert.equal((await other.get("deaf"))?.running, true, "nobody may run beside it before its lease is over");
  },
);

const failures: Record<string, () => unknown> = {
  text: () => {
    throw "a text";
  },
  throws: () => {
    throw new Error("thrown at once");
  },
  rejects: () => Promise.reject(new Error("rejected")),
  nothing: () => undefined,
};

onEveryStore("I8 whatever a run does, it ends as done, or as a dead letter after its attempts", async (world) => {
  const { queue, ran } = await worker(world, {
    retry: { initialDelay: "1s", jitter: 0, limit: 1 },
    run: (_payload, { name }) => failures[name.replace(/ .*/, "")]?.(),
  });
  const first = soon(world);
  await queue.assignMany(Object.keys(failures).map((id) => ({ id, payload: 1, at: first })));
  await queue.assign({ id: "throws again", payload: 1, at: first, every: "1m" });
  await world.clock.advanceTo(first + 90_000);
  const attempts = (id: string): number[] => ran.filter((one) => one.id === id).map(({ attempt }) => attempt);
  assert.equal(attempts("nothing"), [1]);
  for (const id of ["rejects", "text", "throws"]) assert.equal(attempts(id), [1, 2], id);
  assert.equal(attempts("throws again"), [1, 2, 1, 2], "what repeats goes on with its next time");
  const failed = (id: string, error: string): object => ({ id, reason: "failed", error, attempts: 2 });
  const again = failed("throws again", "thrown at once");
  assert.equal(await letters(queue), [
    failed("rejects", "rejected"),
    failed("text", "a text"),
    failed("throws", "thrown at once"),
    again,
    again,
  ]);
  assert.is(await queue.size(), 1);
});

onEveryStore("I8 discard() is not tried again, retryAfter() when it says", async (world) => {
  const { queue, ran } = await worker(world, {
    retry: { initialDelay: "1s", jitter: 0 },
    run: (_payload, { name, attempt }) => {
      if (name === "unwanted") throw discard(new Error("of no use"));
      if (attempt === 1) throw retryAfter("7s", new Error("busy"));
    },
  });
  const first = soon(world);
  await queue.assignMany(["unwanted", "busy"].map((id) => ({ id, payload: 1, at: first })));
  await world.clock.advanceTo(first + 3_000);
  const busy = await queue.get("busy");
  assert.equal([busy?.attempt, busy?.retryAt?.getTime()], [1, first + 7_000]);
  await world.clock.advanceTo(first + 60_000);
  const times = (id: string): number[] => ran.filter((one) => one.id === id).map(({ at }) => at - first);
  assert.equal([times("unwanted"), times("busy")], [[0], [0, 7_000]]);
  assert.equal(await letters(queue), [{ id: "unwanted", reason: "discarded", error: "of no use", attempts: 1 }]);
});

const numbersOnly: NonNullable<QueueOptions["schema"]> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "number" ? { value: value + 1 } : { issues: [{ message: "must be a number" }] },
  },
};

onEveryStore("I8 what the schema refuses before a run is a dead letter at once, and can be retried", async (world) => {
  const { queue: unchecked } = await worker(world, {});
  await unchecked.stopExecuting();
  const { queue, ran } = await worker(world, { schema: numbersOnly });
  assert.is(await codeOf(queue.assign({ id: "refused", payload: "seven" })), "ERR_INVALID_PAYLOAD");
  await unchecked.assign({ id: "wrong", payload: "seven" });
  await unchecked.assign({ id: "right", payload: 7 });
  await world.clock.advance("1m");
  assert.equal(payloads(ran), [8], "it runs with what the schema makes of it");
  const [letter, ...others] = await collect(queue.deadLetters());
  assert.equal([others.length, letter?.id, letter?.reason, letter?.payload], [0, "wrong", "discarded", "seven"]);
  assert.match(letter?.error ?? "", /must be a number/);
  await queue.stopExecuting();
  await unchecked.retryDeadLetter(letter?.key ?? "");
  assert.equal([(await unchecked.get("wrong"))?.payload, (await letters(queue)).length], ["seven", 0]);
  assert.is(await codeOf(queue.retryDeadLetter(letter?.key ?? "")), "ERR_UNKNOWN_TASK");
});

inMemory("I8 what freezes or kills each process that runs it is a dead letter in the end", async (world) => {
  const retry = { limit: 1, initialDelay: "1s", jitter: 0 } as const;
  const frozen: Ran[][] = [];
  for (const nodeId of ["first", "second"]) {
    const clock = world.otherClock();
    const { ran, queue } = await worker(world, { retry, run: () => new Promise(() => undefined) }, { clock, nodeId });
    frozen.push(ran);
    if (nodeId === "first") await queue.assign({ id: "poison", payload: 1 });
    await clock.advance("20s");
    // From now on its clock stands still, and its run never ends.
  }
  const { queue, ran } = await worker(world, { retry });
  await queue.assign({ id: "well", payload: 1 });
  await world.clock.advance("1m");
  assert.equal(frozen.map(idsOf), [["poison"], ["poison"]]);
  assert.equal(idsOf(ran), ["well"]);
  const [letter] = await collect(queue.deadLetters());
  assert.equal([letter?.id, letter?.reason, letter?.attempts], ["poison", "crashed", 2]);
  assert.is(await queue.get("poison"), undefined);
});

test.run();
