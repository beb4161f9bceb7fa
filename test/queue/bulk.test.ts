import { memoryStore, OstinatoError } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachAtOnce, overOutages } from "../../src/queue/bulk";
import { breakable } from "../helpers/breakable-store";
import { worker } from "../helpers/polls";
import { inMemory } from "../helpers/world";

test("a source is read no faster than its items are dealt with", async () => {
  let read = 0;
  let dealt = 0;
  let most = 0;
  function* source(): Generator<number> {
    for (; read < 100; read += 1) {
      most = Math.max(most, read - dealt);
      yield read;
    }
  }
  await eachAtOnce(
    source(),
    async () => {
      await Promise.resolve();
      dealt += 1;
    },
    8,
  );
  assert.is(dealt, 100);
  assert.ok(most <= 8, `${String(most)} were under way`);
});

test("the first error ends it, once what was under way has ended", async () => {
  const ended: number[] = [];
  const deal = async (n: number): Promise<void> => {
    await Promise.resolve();
    ended.push(n);
    if (n === 2) throw new Error("no");
  };
  const error = await eachAtOnce([1, 2, 3, 4, 5, 6, 7, 8], deal, 2).catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, "no");
  assert.ok(ended.length < 8);
});

test("what is out of reach is tried again for half a minute, what is refused is not", async () => {
  const clock = virtualClock();
  const failing = (code: "ERR_STORE_UNAVAILABLE" | "ERR_STORE_UNKNOWN" | "ERR_STORE_FULL", times: number) => {
    const tries = { count: 0 };
    const act = (): Promise<string> => {
      tries.count += 1;
      return tries.count > times ? Promise.resolve("done") : Promise.reject(new OstinatoError(code, "down"));
    };
    return { tries, result: overOutages(clock, act).catch((error: unknown) => (error as OstinatoError).code) };
  };
  const passing = failing("ERR_STORE_UNAVAILABLE", 5);
  const unknown = failing("ERR_STORE_UNKNOWN", 1);
  const lasting = failing("ERR_STORE_UNAVAILABLE", Infinity);
  const refused = failing("ERR_STORE_FULL", Infinity);
  await clock.advance("1m");
  assert.is(await passing.result, "done");
  assert.is(await unknown.result, "done");
  assert.is(await lasting.result, "ERR_STORE_UNAVAILABLE");
  assert.is(await refused.result, "ERR_STORE_FULL");
  assert.equal([passing.tries.count, refused.tries.count], [6, 1]);
});

inMemory("assignMany and clear go on after an outage of some seconds", async (world) => {
  const way = breakable(memoryStore());
  const { queue } = await worker(world, { stores: [way.store] });
  const tasks = Array.from({ length: 50 }, (_, n) => ({ id: `job ${String(n)}`, payload: null, at: 8e15 }));
  const across = async <T>(act: () => Promise<T>): Promise<T> => {
    way.cut();
    const answer = act();
    await world.clock.advance("5s");
    way.mend();
    await world.clock.advance("5s");
    return answer;
  };
  assert.equal(await across(() => queue.assignMany(tasks)), { created: 50, updated: 0, rejected: 0 });
  assert.is(await across(() => queue.clear()), 50);
});

test.run();
