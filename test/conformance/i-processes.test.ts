// time limit: 300 s
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, systemClock } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsVersions, startNatsServer, type NatsVersion } from "../helpers/nats-server";
import { worker } from "../helpers/polls";
import { startQueueWorker, storeAt, type QueueWorkerProcess, type SharedPlace } from "../helpers/queue-worker";
import { inMemory } from "../helpers/world";

const lease = 2_000;
const bucket = 100;
const workMs = 50;
const count = 600;
/** From the first task to the last one, in milliseconds. */
const span = 9_000;
/** What a message from one process to another, on a busy machine, and the bucket take. */
const slack = bucket + 500;

interface Run {
  readonly worker: string;
  readonly at: number;
}

/**
 * Stops it where it does not hold the lock of a file store, with which it would keep all others from writing. Tells
 * since when it is stopped.
 */
async function freeze(process: QueueWorkerProcess, place: SharedPlace): Promise<number> {
  const store = storeAt(place);
  await store.open();
  const map = store.map("probes");
  try {
    for (;;) {
      process.signal("SIGSTOP");
      const at = systemClock.now();
      const written = map.create(`probe ${String(at)}`, "");
      const isFree = await Promise.race([
        written.then(() => true),
        new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
      ]);
      if (isFree) return at;
      process.signal("SIGCONT");
      await written;
    }
  } finally {
    await store.close();
  }
}

/** Three processes; one is killed and one is frozen in the middle of it. */
async function killAndFreeze(place: SharedPlace): Promise<void> {
  const runs = new Map<string, Run[]>();
  const names = ["killed", "frozen", "last"];
  const workers = new Map<string, QueueWorkerProcess>();
  const setup = {
    place,
    queue: "jobs",
    lease: `${String(lease)}ms`,
    bucket: `${String(bucket)}ms`,
    workMs,
    each: true,
  };
  const start = async (nodeId: string): Promise<void> => {
    const told = await startQueueWorker({ ...setup, nodeId, concurrency: 50 }, ({ runs: begun }) => {
      for (const [id, , at] of begun) runs.set(id, [...(runs.get(id) ?? []), { worker: nodeId, at }]);
    });
    workers.set(nodeId, told);
  };
  const runtime = createRuntime({ store: storeAt(place), logger: pino({ level: "silent" }) });
  try {
    await Promise.all(names.map(start));
    const of = (name: string): QueueWorkerProcess => workers.get(name) as QueueWorkerProcess;
    // Each of them has its share, and all of it is loaded.
    await Promise.all(
      names.map((name) => of(name).until(({ stats }) => (stats?.owned ?? 0) > 15 && stats?.loading === 0)),
    );
    const queue = await runtime.queue({ name: "jobs", bucket: setup.bucket as `${number}ms` });
    const first = systemClock.now() + 1_500;
    const due = new Map(Array.from({ length: count }, (_, n) => [`job ${String(n)}`, first + (n * span) / count]));
    await queue.assignMany([...due].map(([id, at]) => ({ id, payload: null, at: Math.round(at) })));
    const isRun = (n: number): boolean => (runs.get(`job ${String(n)}`)?.length ?? 0) > 0;
    const until = async (n: number): Promise<void> => {
      while (!isRun(n)) await of("last").stats();
    };
    await until(Math.round(count / 6));
    const faults = { killed: systemClock.now(), frozen: 0, last: Infinity };
    of("killed").signal("SIGKILL");
    // Once the others have taken over.
    await until(Math.round(count * 0.6));
    faults.frozen = await freeze(of("frozen"), place);
    await of("last").until(() => runs.size === count);
    // Whatever it had in mind when it froze, it sees that its time is over.
    of("frozen").signal("SIGCONT");
    await of("frozen").until(({ stats }) => (stats?.owned ?? 0) > 0 && stats?.running === 0);
    await of("last").until(({ stats }) => stats?.waiting === 0 && stats.due === 0 && stats.running === 0);
    assert.is(await queue.size(), 0, "every one is done");
    for (const [id, at] of due) {
      // A process that freezes may tell of a run only when it goes on.
      const [run, ...more] = (runs.get(id) ?? []).sort((a, b) => a.at - b.at);
      assert.ok(run, `${id} was lost`);
      assert.ok(run.at >= Math.floor(at), `${id} was ${String(at - run.at)} ms early`);
      const late = run.at - at;
      assert.ok(late <= lease + 1_000 + slack, `${id} was ${String(late)} ms late`);
      for (const again of more) {
        // Only what was in flight: begun by the one that failed, shortly before it did.
        const fault = faults[run.worker as keyof typeof faults];
        const wasInFlight = run.at > fault - workMs - slack;
        assert.ok(wasInFlight, `${id} ran again on "${again.worker}" ${String(fault - run.at)} ms after it had begun`);
      }
    }
    const again = [...runs.values()].filter((each) => each.length > 1).length;
    assert.ok(again <= 100, `${String(again)} ran more than once`);
  } finally {
    for (const each of workers.values()) each.signal("SIGCONT");
    await Promise.all([...workers.values()].map((each) => each.stop()));
    await runtime.stop();
  }
}

const name = "I12 each due task runs in one of several processes; what a killed and a frozen one owned runs elsewhere";

test(`${name} [file]`, async () => {
  const path = await mkdtemp(join(tmpdir(), "ostinato-test-"));
  await killAndFreeze({ path });
  await rm(path, { recursive: true, force: true });
});

// The oldest and the newest: what they differ in is how long a write takes.
for (const version of [natsVersions[0], natsVersions.at(-1)] as NatsVersion[]) {
  test(`${name} [nats ${version}]`, async () => {
    const server = await startNatsServer({ version });
    try {
      await killAndFreeze({ servers: [server.url], namespace: "i12" });
    } finally {
      await server.stop();
    }
  });
}

inMemory(`${name} [memory]`, async (world) => {
  const frozenClock = world.otherClock();
  const shape = { lease: "5s", partitions: 16 } as const;
  const frozen = await worker(world, shape, { clock: frozenClock, nodeId: "frozen" });
  const other = await worker(world, shape, { nodeId: "other" });
  const both = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      await Promise.all([frozenClock.advance("1s"), world.clock.advance("1s")]);
    }
  };
  await both(20);
  const ids = Array.from({ length: 64 }, (_, n) => `job ${String(n)}`);
  await other.queue.assignMany(ids.map((id) => ({ id, payload: null, every: "2s" as const })));
  await both(10);
  assert.ok(frozen.ran.length > 50 && other.ran.length > 50, "both have their share");
  const begun = world.clock.now();
  await world.clock.advance(5_000 + 1_000 + 1_000);
  const late = ids.filter((id) => !other.ran.some((run) => run.id === id && run.at > begun));
  assert.equal(late, [], "all of them run in the other one");
  await frozenClock.advance("7s");
  await both(20);
  const runs = [...frozen.ran, ...other.ran].map(({ id, scheduledAt }) => `${id} ${String(scheduledAt)}`);
  assert.is(new Set(runs).size, runs.length, "none of them twice for the same time");
});

test.run();
