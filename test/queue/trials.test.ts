import { createRuntime, memoryStore } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../src/identity";
import type { QueueRecord } from "../../src/rules/queue-record";

/*
 * A process whose tasks must all run, although some of them are suspects: another process has left its claims behind.
 * Every run takes ten milliseconds, those of `busy` a minute.
 */
async function suspected(ids: { busy: string[]; suspects: string[] }, concurrency: number, partitions = 1) {
  const clock = virtualClock();
  const store = memoryStore();
  const runs = new Map<string, number>();
  const runtime = createRuntime({ clock, store, nodeId: "here", logger: pino({ level: "silent" }) });
  const queue = await runtime.queue({
    ...{ name: "q", partitions, lease: "3s", bucket: "10ms", concurrency },
    run: async (_payload, { name }) => {
      runs.set(name, (runs.get(name) ?? 0) + 1);
      const length = ids.busy.includes(name) ? 60_000 : 10;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, length));
    },
  });
  for (const id of ids.busy) await queue.assign({ id });
  // The suspects come up when the others run.
  const due = clock.now() + 2_000;
  const tasks = store.map("tasks-q");
  for (const id of ids.suspects) {
    const key = `${String(hashName(id) % partitions)}.${id}`;
    await queue.assign({ id, at: due });
    const entry = await tasks.get(key);
    const record = JSON.parse(entry?.value ?? "") as QueueRecord;
    const run = { id: `gone ${id}`, owner: 1, node: "gone", by: "gone-1", at: due - 1 };
    await tasks.update(key, JSON.stringify({ ...record, attempt: 1, run }), entry?.revision ?? 0);
  }
  await runtime.start();
  const end = async (): Promise<void> => {
    const stopped = runtime.stop();
    await clock.advance("2m");
    await stopped;
  };
  return { clock, store, queue, runs, end };
}

const named = (word: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${word} ${String(n)}`);

test("a suspect that is removed while its process falls quiet holds up nobody", async () => {
  const { clock, queue, runs, end } = await suspected({ busy: ["busy"], suspects: ["suspect"] }, 10);
  await clock.advance("3s");
  assert.is(runs.get("busy"), 1);
  assert.is(runs.get("suspect"), undefined, "it waits until nothing else runs");
  await queue.remove("suspect");
  await queue.assign({ id: "other" });
  await clock.advance("10s");
  assert.is(runs.get("other"), 1);
  await end();
});

test("a suspect whose partition goes to another process while its own falls quiet holds up nobody", async () => {
  const theirs = hashName("suspect") % 2;
  const [busy, other] = named("other", 20).filter((id) => hashName(id) % 2 !== theirs) as [string, string];
  const { clock, store, queue, runs, end } = await suspected({ busy: [busy], suspects: ["suspect"] }, 10, 2);
  await clock.advance("3s");
  assert.is(runs.get(busy), 1);
  // Whoever took the lease while this process stood still.
  const leases = store.map("leases");
  const key = `queue.q.p.${String(theirs)}`;
  const entry = await leases.get(key);
  const record = { ...(JSON.parse(entry?.value ?? "") as object), holder: "other-1", boot: "other" };
  await leases.update(key, JSON.stringify(record), entry?.revision ?? 0);
  await queue.assign({ id: other });
  await clock.advance("1s");
  assert.is(runs.get(other), 1);
  await end();
});

test("where a process does not fall quiet, its suspects and all others run, each once", async () => {
  const suspects = named("suspect", 10);
  const others = named("other", 10);
  const { clock, queue, runs, end } = await suspected({ busy: ["busy"], suspects }, 5);
  await clock.advance("3s");
  // More of them wait than there are workers.
  for (const id of others) await queue.assign({ id });
  await clock.advance("40s");
  const all = [...suspects, ...others];
  assert.equal(
    all.filter((id) => runs.get(id) !== 1),
    [],
  );
  assert.is(await queue.size(), 1, "what keeps the process busy is all that is left");
  await end();
});

test.run();
