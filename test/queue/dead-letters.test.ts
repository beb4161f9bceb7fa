import { memoryStore, natsStore, OstinatoError, type RevisionMap, type Store } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startNatsServer } from "../helpers/nats-server";
import { codeOf, collect, idsOf, worker } from "../helpers/polls";
import { inMemory, type World } from "../helpers/world";

const huge = (): never => {
  throw new Error("<html>".repeat(350_000));
};
const retry = { limit: 1, initialDelay: "1s", jitter: 0 } as const;

/** A memory store that takes no value longer than this, as nats-server does, and refuses letters when told to. */
function narrow(longest: number): { store: Store; refusal: { code?: "ERR_STORE_PERMISSION" } } {
  const store = memoryStore();
  const refusal: { code?: "ERR_STORE_PERMISSION" } = {};
  const checked = (name: string, map: RevisionMap): RevisionMap => {
    const check = (value: string): void => {
      if (Buffer.byteLength(value) > longest) throw new OstinatoError("ERR_INVALID_PAYLOAD", "larger than max_payload");
      if (name.startsWith("dead-") && refusal.code !== undefined)
        throw new OstinatoError(refusal.code, "not permitted");
    };
    return {
      get: (key) => map.get(key),
      list: (prefix) => map.list(prefix),
      watch: (prefix, listener) => map.watch(prefix, listener),
      delete: (key, revision) => map.delete(key, revision),
      async create(key, value) {
        check(value);
        return map.create(key, value);
      },
      async update(key, value, revision) {
        check(value);
        return map.update(key, value, revision);
      },
    };
  };
  return { store: { ...store, map: (name) => checked(name, store.map(name)) }, refusal };
}

async function assigned(world: World, store: Store, payload: string): Promise<Awaited<ReturnType<typeof worker>>> {
  const made = await worker(world, { retry, run: huge }, { store });
  await made.queue.assign({ id: "bad", payload });
  await world.clock.advance("1m");
  return made;
}

inMemory("a letter lists each attempt, and no text in it is longer than 4,096 characters", async (world) => {
  const { queue } = await assigned(world, world.store, "small");
  const [letter] = await collect(queue.deadLetters());
  assert.ok(letter!.error.length > 4_000 && letter!.error.length <= 4_096);
  const runs = letter?.runs ?? [];
  assert.equal(
    runs.map(({ attempt, outcome }) => [attempt, outcome]),
    [
      [1, "failed"],
      [2, "failed"],
    ],
  );
  for (const { error, node, startedAt, endedAt } of runs) {
    assert.ok((error?.length ?? 0) <= 500 && node !== "" && endedAt >= startedAt);
  }
});

inMemory("a payload that leaves no room for the error is kept whole, with less of the error", async (world) => {
  const { store } = narrow(20_000);
  const payload = "x".repeat(19_300);
  const { queue, ran } = await assigned(world, store, payload);
  assert.is(ran.length, 2);
  const [letter] = await collect(queue.deadLetters());
  assert.equal([letter?.payload === payload, letter?.attempts, letter?.isCut], [true, 2, undefined]);
  assert.is(await queue.size(), 0);
  await queue.retryDeadLetter(letter!.key);
});

inMemory("a payload that fills the store's limit is cut in the letter, which cannot be retried then", async (world) => {
  const { store } = narrow(20_000);
  const { queue, ran } = await assigned(world, store, "x".repeat(19_900));
  const [letter] = await collect(queue.deadLetters());
  assert.equal([letter?.id, letter?.isCut, ran.length], ["bad", true, 0], "there is no room for a claim");
  assert.is(letter?.code, "ERR_INVALID_PAYLOAD");
  assert.ok(String(letter?.payload).startsWith('"xxx'));
  assert.is(await codeOf(queue.retryDeadLetter(letter!.key)), "ERR_UNKNOWN_TASK");
  assert.is(await queue.size(), 0);
});

inMemory("a letter that is refused is reported, tried again each minute, and holds up nobody", async (world) => {
  const { store, refusal } = narrow(1_000_000);
  refusal.code = "ERR_STORE_PERMISSION";
  const { queue, ran } = await worker(
    world,
    { retry, partitions: 1, run: (payload) => (payload === "bad" ? huge() : undefined) },
    { store },
  );
  await queue.assign({ id: "bad", payload: "bad" });
  await world.clock.advance("5m");
  await queue.assign({ id: "good", payload: "good" });
  await world.clock.advance("10s");
  assert.equal(idsOf(ran), ["bad", "bad", "good"], "it is not run again for that");
  const told = world.lines.filter(({ event }) => event === "UNLETTERED");
  assert.ok(told.length >= 4 && told.length <= 6, `told ${String(told.length)} times`);
  assert.match(told[0]?.msg ?? "", /not permitted/);
  delete refusal.code;
  await world.clock.advance("2m");
  const [letter] = await collect(queue.deadLetters());
  assert.equal([letter?.id, letter?.reason, letter?.attempts, letter?.runs?.length], ["bad", "failed", 2, 2]);
  assert.is(await queue.size(), 0);
});

inMemory("what fails with a huge error and a large payload ends as a letter on a real server too", async (world) => {
  const server = await startNatsServer();
  try {
    const store = natsStore({ servers: server.url, storage: "memory" });
    const { clock } = world;
    const made = await worker(world, { retry, run: huge }, { store, clock });
    const sizes = [10, 1_040_000, 1_047_000];
    for (const size of sizes) await made.queue.assign({ id: String(size), payload: "x".repeat(size) });
    const letters = async (): Promise<number> => (await collect(made.queue.deadLetters())).length;
    while ((await letters()) < sizes.length) {
      await clock.advance("1s");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.is(await made.queue.size(), 0);
    await made.queue.stopExecuting();
    await store.close();
  } finally {
    await server.stop();
  }
});

test.run();
