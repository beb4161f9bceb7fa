// time limit: 300 s
import { cp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { createRuntime, interval, natsStore, type RevisionMap, type Runtime, type RuntimeEvent } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsVersions, startNatsServer, type NatsServer, type NatsServerOptions } from "../helpers/nats-server";

/** What a test has started, ended with it whether it passes or fails: the servers last. */
const started: (() => Promise<void>)[] = [];
test.after.each(async () => {
  for (const end of started.splice(0)) await end();
});

async function startServer(options: NatsServerOptions): Promise<NatsServer> {
  const server = await startNatsServer(options);
  started.push(() => server.stop());
  return server;
}

/** How often each task ran, and a way to wait for more. */
function counts(names: readonly string[]) {
  const runs = new Map<string, number>(names.map((name) => [name, 0]));
  const waiting = new Set<() => void>();
  return {
    note(name: string): void {
      runs.set(name, (runs.get(name) ?? 0) + 1);
      for (const wake of [...waiting]) wake();
    },
    /** Resolves when each of them has run so many times more. */
    more(times: number): Promise<void> {
      const goals = new Map([...runs].map(([name, count]) => [name, count + times]));
      return new Promise((resolve) => {
        const look = (): void => {
          if ([...goals].some(([name, goal]) => (runs.get(name) ?? 0) < goal)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
  };
}

type LossEvent = Extract<RuntimeEvent, { type: "lost" }>;

interface Service {
  readonly runtime: Runtime;
  readonly lost: LossEvent[];
}

/** Two nodes that run four tasks and a queue of a few, and have left the marks of a hundred deletions. */
async function service(server: NatsServer, storage: "file" | "memory") {
  const names = ["t0", "t1", "t2", "t3"];
  const tasks = counts(names);
  const assigned = counts(["a0", "a1", "a2", "a3", "a4", "a5"]);
  const nodes: Service[] = [];
  for (const nodeId of ["a", "b"]) {
    const store = natsStore({ servers: server.url, storage });
    const logger = pino({ level: "silent" });
    const runtime = createRuntime({ nodeId, store, lease: "2s", logger, shutdownTimeout: "5s" });
    started.unshift(() => runtime.stop());
    const lost: LossEvent[] = [];
    runtime.events.subscribe((event) => event.type === "lost" && lost.push(event));
    for (const [index, name] of names.entries()) {
      runtime.spawn({ name, schedule: interval(200 + 50 * index), run: () => tasks.note(name) });
    }
    await runtime.queue({ name: "q", partitions: 4, lease: "2s", run: (_, { name }) => assigned.note(name) });
    await runtime.start();
    nodes.push({ runtime, lost });
  }
  const [{ runtime }] = nodes as [Service];
  const assign = async (): Promise<void> => {
    for (let index = 0; index < 6; index += 1) {
      await runtime.queues()[0]?.assign({ id: `a${String(index)}`, payload: index, every: "1s" });
    }
  };
  await assign();
  for (let index = 0; index < 100; index += 1) {
    const lock = await runtime.locks.tryLock(`l${String(index % 5)}`);
    if (lock !== false) await runtime.locks.unlock(lock);
  }
  await Promise.all([tasks.more(3), assigned.more(2)]);
  return { nodes, tasks, assigned, assign };
}

async function stopQuickly(nodes: readonly Service[]): Promise<void> {
  const from = performance.now();
  await Promise.all(nodes.map(({ runtime }) => runtime.stop()));
  assert.ok(performance.now() - from < 4_000, "stop() does not wait for its deadline");
}

const lostOf = (nodes: readonly Service[], what: LossEvent["what"]): number[] =>
  nodes.flatMap(({ lost }) => lost.filter((event) => event.what === what).map((event) => event.lost));

for (const version of natsVersions) {
  test(`${version}: a server with memory storage is restarted: every task goes on, and what was lost is told`, async () => {
    const server = await startServer({ version });
    const { nodes, tasks, assigned, assign } = await service(server, "memory");
    await server.restart();
    await tasks.more(5);
    const assignedLost = (): number => lostOf(nodes, "assigned tasks").reduce((sum, one) => sum + one, 0);
    for (let tries = 0; tries < 100 && assignedLost() < 6; tries += 1) await sleep(200);
    await sleep(2_500);
    assert.ok(lostOf(nodes, "task records").length > 0, "the records of the tasks");
    assert.ok(lostOf(nodes, "leases").length > 0, "the leases of the queue");
    assert.is(assignedLost(), 6, "each assigned task once");
    const [event] = nodes.flatMap(({ lost }) => lost.filter(({ what }) => what === "assigned tasks"));
    assert.equal([event?.bucket, event?.how, event?.queue], ["KV_ostinato_tasks-q", "recreated", "q"]);
    await assign();
    await assigned.more(3);
    await stopQuickly(nodes);
  });

  for (const bucket of ["leases", "tasks-q"] as const) {
    test(`${version}: the stream of ${bucket} is deleted under a running cluster: every task goes on`, async () => {
      const server = await startServer({ version });
      const { nodes, tasks, assigned, assign } = await service(server, "file");
      const connection = await connect({ servers: server.url });
      await connection.request(`$JS.API.STREAM.DELETE.KV_ostinato_${bucket}`);
      await connection.close();
      await tasks.more(5);
      if (bucket === "tasks-q") {
        const isTold = (): boolean => lostOf(nodes, "assigned tasks").reduce((sum, one) => sum + one, 0) === 6;
        for (let look = 0; look < 150 && !isTold(); look += 1) await sleep(100);
        assert.ok(isTold(), "each assigned task is told as lost, once");
        await assign();
      }
      await assigned.more(3);
      await stopQuickly(nodes);
    });
  }

  test(`${version}: the streams are restored from a backup: every task of it goes on`, async () => {
    const server = await startServer({ version });
    const { nodes, tasks, assigned } = await service(server, "file");
    const backup = `${server.dataDir}-backup`;
    await server.kill();
    await cp(server.dataDir, backup, { recursive: true });
    await server.restart();
    await Promise.all([tasks.more(5), assigned.more(3)]);
    await server.kill();
    await rm(server.dataDir, { recursive: true });
    await cp(backup, server.dataDir, { recursive: true });
    await server.restart();
    await Promise.all([tasks.more(5), assigned.more(3)]);
    await stopQuickly(nodes);
  });

  test(`${version}: a watch notices a stream that was restored, also when that has grown past where the watch was`, async () => {
    const server = await startServer({ version });
    const watched = natsStore({ servers: server.url });
    started.unshift(() => watched.close());
    await watched.open();
    const put = async (map: RevisionMap, from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1) await map.create(`k${String(index)}`, `of ${String(from)}`);
    };
    const write = async (url: string, from: number, to: number): Promise<void> => {
      const store = natsStore({ servers: url });
      await put(store.map("m"), from, to);
      await store.close();
    };
    await write(server.url, 0, 5);
    await server.kill();
    const backup = `${server.dataDir}-backup`;
    await cp(server.dataDir, backup, { recursive: true });
    await server.restart();
    const seen = new Map<string, string>();
    const told: unknown[] = [];
    let wake = (): void => undefined;
    const watch = watched.map("m").watch("", {
      change: ({ key, value }) => {
        if (value === undefined) seen.delete(key);
        else seen.set(key, value);
        wake();
      },
      current: () => wake(),
      doubt: (renewal) => {
        seen.clear();
        told.push(renewal);
      },
    });
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
    };
    await write(server.url, 5, 8);
    await until(() => seen.size === 8);
    await server.kill();
    await rm(server.dataDir, { recursive: true });
    await cp(backup, server.dataDir, { recursive: true });
    // Somebody writes more than was lost before the watch is back: it is kept away by a server on another port.
    const elsewhere = await startServer({ version, dataDir: server.dataDir });
    await write(elsewhere.url, 20, 30);
    await elsewhere.kill();
    await server.restart();
    await until(() => seen.has("k29"));
    assert.equal(
      [...seen.keys()].sort(),
      [0, 1, 2, 3, 4, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29].map((n) => `k${String(n)}`).sort(),
    );
    assert.equal(told.at(-1), { bucket: "KV_ostinato_m", how: "rolledBack" });
    await watch.close();
  });

  test(`${version}: fencing tokens grow although the stream is removed and made anew under running nodes`, async () => {
    const server = await startServer({ version });
    const tokens: number[] = [];
    const waiting: (() => void)[] = [];
    const begin = (token: number): void => {
      tokens.push(token);
      for (const wake of waiting.splice(0)) wake();
    };
    const more = async (count: number) => {
      const goal = tokens.length + count;
      while (tokens.length < goal) await new Promise<void>((resolve) => waiting.push(resolve));
    };
    const runtimes = ["a", "b"].map((nodeId) =>
      createRuntime({
        nodeId,
        store: natsStore({ servers: server.url }),
        lease: "1s",
        logger: pino({ level: "silent" }),
      }),
    );
    for (const runtime of runtimes) {
      started.unshift(() => runtime.stop());
      runtime.spawn({
        name: "t",
        schedule: interval(100),
        run: async ({ fencingToken }) => {
          begin(fencingToken);
          await sleep(30);
        },
      });
      await runtime.start();
    }
    // Two seconds: when a stream was created is told in whole ones.
    await more(20);
    const connection = await connect({ servers: server.url });
    await connection.request("$JS.API.STREAM.DELETE.KV_ostinato_leases");
    const before = tokens.length;
    await more(6);
    const locks = await Promise.all(runtimes.map((runtime) => runtime.locks.tryLock("l")));
    assert.is(locks.filter(Boolean).length, 1);
    await Promise.all(runtimes.map((runtime) => runtime.stop()));
    await connection.close();
    assert.equal(
      tokens,
      [...new Set(tokens)].sort((one, other) => one - other),
    );
    assert.ok((tokens[before + 2] ?? 0) - (tokens[before - 1] ?? 0) > 2 ** 19, "the epoch of the new stream counts");
  });
}

test.run();
