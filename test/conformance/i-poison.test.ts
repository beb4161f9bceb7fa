// time limit: 300 s
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, type DeadLetter } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsVersions, startNatsServer, type NatsVersion } from "../helpers/nats-server";
import { collect, idsOf, worker } from "../helpers/polls";
import { startQueueWorker, storeAt, type QueueWorkerProcess, type SharedPlace } from "../helpers/queue-worker";
import { inMemory } from "../helpers/world";

const limit = 1;
const good = 40;
const poisons = [50, 400];

/** Two processes that are started again whenever one has died, until only the letters of the culprits are left. */
async function poisoned(place: SharedPlace): Promise<void> {
  const ended = new Set<string>();
  let deaths = 0;
  let isOver = false;
  const setup = { place, queue: "jobs", lease: "1s", bucket: "20ms", workMs: 100, limit, each: true };
  const keep = async (): Promise<void> => {
    while (!isOver) {
      const process: QueueWorkerProcess = await startQueueWorker(setup, (told) => {
        for (const id of told.ended) ended.add(id);
      });
      while (!process.ended && !isOver) await new Promise((resolve) => setTimeout(resolve, 50));
      if (process.ended) deaths += 1;
      else await process.stop();
    }
  };
  const runtime = createRuntime({ store: storeAt(place), logger: pino({ level: "silent" }) });
  const queue = await runtime.queue({ name: "jobs", bucket: "20ms" });
  await queue.assignMany([
    ...Array.from({ length: good }, (_, n) => ({ id: `good ${String(n)}`, payload: null })),
    ...poisons.map((killAfterMs, n) => ({ id: `poison ${String(n)}`, payload: { killAfterMs } })),
  ]);
  const kept = Promise.all([keep(), keep()]);
  while ((await queue.size()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
  isOver = true;
  await kept;
  const letters = await collect(queue.deadLetters());
  await runtime.stop();
  assert.equal(letters.map(({ id, reason }) => `${String(id)}: ${reason}`).sort(), [
    "poison 0: crashed",
    "poison 1: crashed",
  ]);
  for (const letter of letters) requireHistory(letter);
  assert.is(ended.size, good, "every innocent task has run");
  const most = poisons.length * (limit + 4);
  assert.ok(deaths <= most, `${String(deaths)} processes died, at most ${String(most)} expected`);
}

/** Each attempt as it was: crashed, and alone at the end. */
function requireHistory({ runs = [], attempts, error }: DeadLetter): void {
  // One that was cut short, because its process handed over, has no number of its own.
  assert.is(runs.filter(({ outcome }) => outcome !== "aborted").length, attempts, JSON.stringify(runs));
  assert.is(runs.at(-1)?.group, 1);
  assert.ok(runs.every(({ startedAt, endedAt, node }) => startedAt <= endedAt && node !== ""));
  assert.match(error, /^the process that ran it died: \d+ times, \d of them while nothing else ran$/);
}

const name = "I8 what kills its process is a dead letter in the end, and takes no other with it";

test(`${name} [file]`, async () => {
  const path = await mkdtemp(join(tmpdir(), "ostinato-test-"));
  await poisoned({ path });
  await rm(path, { recursive: true, force: true });
});

test(`${name} [nats]`, async () => {
  const server = await startNatsServer({ version: natsVersions.at(-1) as NatsVersion });
  try {
    await poisoned({ servers: [server.url], namespace: "i8" });
  } finally {
    await server.stop();
  }
});

inMemory("I8 what was in flight in a process that is gone runs elsewhere, and is charged no attempt", async (world) => {
  const clock = world.otherClock();
  const retry = { limit: 0 } as const;
  const gone = await worker(world, { retry, lease: "5s", run: () => new Promise(() => undefined) }, { clock });
  const ids = Array.from({ length: 100 }, (_, n) => `task ${String(n)}`).sort();
  await gone.queue.assignMany(ids.map((id) => ({ id, payload: null })));
  await clock.advance("10s");
  assert.is(gone.ran.length, 100);
  // From now on its clock stands still. The next one runs groups of ten, each of them in no time.
  const next = await worker(world, { retry, lease: "5s", run: () => world.pause(100) });
  await world.clock.advance("1m");
  assert.equal(idsOf(next.ran).sort(), ids);
  assert.equal([await collect(next.queue.deadLetters()), await next.queue.size()], [[], 0]);
  const groups = new Map<number, number>();
  for (const { at } of next.ran) groups.set(at, (groups.get(at) ?? 0) + 1);
  assert.ok(Math.max(...groups.values()) <= 10, "no group is larger than the square root of all");
});

inMemory("I8 a suspect that hangs holds up the others for a lease and no longer", async (world) => {
  const clock = world.otherClock();
  const hangs = (payload: unknown): Promise<void> | undefined =>
    payload === "hangs" ? new Promise(() => undefined) : undefined;
  const gone = await worker(world, { lease: "5s", run: () => new Promise(() => undefined) }, { clock });
  await gone.queue.assign({ id: "hangs", payload: "hangs" });
  await clock.advance("10s");
  const next = await worker(world, { lease: "5s", run: hangs });
  await world.clock.advance("10s");
  assert.equal(idsOf(next.ran), ["hangs"], "it runs here now");
  await next.queue.assign({ id: "other", payload: null });
  await world.clock.advance("6s");
  assert.equal(idsOf(next.ran), ["hangs", "other"]);
  assert.is((await next.queue.get("hangs"))?.running, true);
});

test.run();
