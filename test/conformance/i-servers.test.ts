// time limit: 90 s
import { createRuntime, natsStore, type Queue, type QueueEvent, type QueueOptions, type Runtime } from "ostinato";
import { setTimeout as pause } from "node:timers/promises";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";
import { codeOf, collect } from "../helpers/polls";
import { freePort } from "../helpers/ports";

/** Real servers, real time, and what a queue on them runs and tells. */
class Scene {
  readonly ran: string[] = [];
  readonly events: QueueEvent[] = [];
  readonly #runtimes: Runtime[] = [];
  readonly #waiting = new Set<() => void>();

  /** A queue in a runtime of its own. */
  async queue(servers: readonly (string | { url: string; namespace: string })[], options: Partial<QueueOptions> = {}) {
    const stores = servers.map((server) =>
      typeof server === "string"
        ? natsStore({ servers: server, reconnectTimeWait: 100 })
        : natsStore({ servers: server.url, namespace: server.namespace, storage: "memory" }),
    );
    const runtime = createRuntime({ logger: pino({ level: "silent" }), ...(stores[0] ? { store: stores[0] } : {}) });
    this.#runtimes.push(runtime);
    const queue = await runtime.queue({
      ...{ name: "polls", partitions: 4, lease: "2s", bucket: "100ms" },
      ...(stores.length > 1 ? { stores } : {}),
      run: (payload, { name }) => this.note(name, payload),
      ...options,
    });
    queue.events.subscribe((event) => {
      this.#note(() => this.events.push(event));
    });
    await runtime.start();
    return queue;
  }

  /** A run has ended. */
  note(id: string, payload: unknown): void {
    this.#note(() => this.ran.push(`${id} ${JSON.stringify(payload)}`));
  }

  /** Resolves once this is so; looks at each run and each event. */
  until(wanted: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!wanted()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Types of the events of the store at this address, in order. */
  told(url: string): string[] {
    return this.events.flatMap((event) => ("store" in event && event.store.includes(url.slice(7)) ? [event.type] : []));
  }

  async end(): Promise<void> {
    await Promise.all(this.#runtimes.map((runtime) => runtime.stop()));
  }

  #note(act: () => unknown): void {
    act();
    for (const look of [...this.#waiting]) look();
  }
}

async function inScene(servers: number, body: (scene: Scene, servers: NatsServer[]) => Promise<void>): Promise<void> {
  const started = await Promise.all(Array.from({ length: servers }, () => startNatsServer()));
  const scene = new Scene();
  try {
    await body(scene, started);
  } finally {
    await scene.end();
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** So many ids of each store. */
async function assignEach(queue: Queue, stores: number, each: number, at: number): Promise<string[][]> {
  const ids: string[][] = Array.from({ length: stores }, () => []);
  for (let index = 0; ids.some(({ length }) => length < each); index += 1) {
    const id = `t${String(index)}`;
    await queue.assign({ id, payload: 1, at });
    ids[((await queue.get(id))?.partition ?? 0) % stores]?.push(id);
  }
  return ids;
}

test("I13 I15 one of two servers is killed and comes back: its tasks wait, nothing runs twice, all of it is told", async () => {
  await inScene(2, async (scene, servers) => {
    const [alive, killed] = servers as [NatsServer, NatsServer];
    const urls = [alive.url, killed.url];
    const queue = await scene.queue(urls);
    await scene.queue(urls);
    const at = Date.now() + 1_500;
    const [first = [], second = []] = await assignEach(queue, 2, 20, at);
    const again = await queue.assign({ id: "again", payload: 1, at: Date.now() + 3_600_000 });
    assert.is(again, "created");
    await killed.kill();
    await scene.until(() => scene.told(killed.url).length === 4);
    assert.is(await codeOf(queue.assign({ id: second[0] ?? "", payload: 1, at })), "ERR_STORE_UNAVAILABLE");
    assert.is(await codeOf(queue.size()), "ERR_STORE_UNAVAILABLE");
    await scene.until(() => scene.ran.length === first.length);
    assert.equal([...scene.ran].sort(), first.map((id) => `${id} 1`).sort());
    // Longer than their leases, as the other store shows: a task that is due after one.
    await queue.assign({ id: first[0] ?? "", payload: "after", at: Date.now() + 2_500 });
    await scene.until(() => scene.ran.includes(`${first[0] ?? ""} "after"`));
    assert.equal(scene.ran.length, first.length + 1);
    await killed.restart();
    await scene.until(() => scene.ran.length === first.length + 1 + second.length);
    const types = ["disconnect", "disconnect", "offline", "offline", "online", "online", "reconnect", "reconnect"];
    await scene.until(() => scene.told(killed.url).length === types.length);
    const expected = [...first, ...second].map((id) => `${id} 1`);
    assert.equal([...scene.ran].sort(), [...expected, `${first[0] ?? ""} "after"`].sort());
    assert.is(await queue.assign({ id: second[0] ?? "", payload: 1, at: Date.now() + 3_600_000 }), "created");
    assert.is(await queue.size(), 2);
    assert.equal(scene.told(killed.url).sort(), types, "by each of two queues");
    assert.equal(scene.told(alive.url), []);
  });
});

test("I13 a server is killed in the middle of many runs, for longer than the lease: each of them is run once", async () => {
  await inScene(2, async (scene, servers) => {
    const [alive, killed] = servers as [NatsServer, NatsServer];
    const urls = [alive.url, killed.url];
    const begun: string[] = [];
    const run: QueueOptions["run"] = async (payload, { name }) => {
      begun.push(name);
      await pause(100);
      scene.note(name, payload);
    };
    const queue = await scene.queue(urls, { concurrency: 10, run });
    await scene.queue(urls, { concurrency: 10, run });
    const all = (await assignEach(queue, 2, 100, Date.now() + 1_500)).flat();
    await scene.until(() => scene.ran.length >= 60);
    await killed.kill();
    const other = await scene.queue([alive.url], { name: "other" });
    await other.assign({ id: "marker", payload: "two leases later", at: Date.now() + 5_000 });
    await scene.until(() => scene.ran.includes('marker "two leases later"'));
    await killed.restart();
    await scene.until(() => scene.ran.length === all.length + 1);
    assert.equal(begun.sort(), all.sort());
    while ((await queue.size().catch(() => 1)) > 0);
    assert.is(begun.length, all.length);
  });
});

test("I15 a store that comes after the queue is told as online, and a dead letter as what it is", async () => {
  await inScene(1, async (scene, [server]) => {
    const port = await freePort();
    const late = `nats://127.0.0.1:${String(port)}`;
    const queue = await scene.queue([server?.url ?? "", late], {
      retry: { limit: 0 },
      run: () => {
        throw new Error("never");
      },
    });
    assert.equal(scene.events, []);
    const other = await startNatsServer({ port });
    try {
      await scene.until(() => scene.told(late).includes("online"));
      assert.equal(scene.told(late), ["online"]);
      for (let id = 0; id < 10; id += 1) {
        await queue.assign({ id: `bad${String(id)}`, payload: 1 }).catch(() => "its store is not open yet");
      }
      await scene.until(() => scene.events.some(({ type }) => type === "deadLetter"));
      const letter = scene.events.find(({ type }) => type === "deadLetter");
      assert.equal([letter?.type, letter && "reason" in letter && letter.reason], ["deadLetter", "failed"]);
    } finally {
      await scene.end();
      await other.stop();
    }
  });
});

test("I14 an idle queue publishes to its server nothing but renewals of its leases", async () => {
  await inScene(1, async (scene, [server]) => {
    const url = server?.url ?? "";
    const queue = await scene.queue([{ url, namespace: "idle" }], { lease: "3s" });
    await queue.assign({ id: "far", payload: 1, at: 4e12 });
    await queue.assign({ id: "done", payload: 1 });
    await scene.until(() => scene.ran.length === 1);
    while ((await queue.get("done")) !== undefined);
    const { connect } = await import("nats");
    const witness = await connect({ servers: url });
    const heard: string[] = [];
    // What the server sends itself goes to inboxes.
    for await (const { subject } of witness.subscribe(">", { max: 5_000 })) {
      if (!/^_INBOX\.|^\$JS\.EVENT\./.test(subject)) heard.push(subject);
      if (heard.length === 60) break;
    }
    await witness.close();
    const renewal = /^\$KV\.idle_leases\.|^\$KV\.idle_nodes\./;
    assert.equal(
      heard.filter((subject) => !renewal.test(subject)),
      [],
    );
  });
});

test("I16 runtimes of other namespaces on one account never meet, and neither do their producers", async () => {
  await inScene(1, async (scene, [server]) => {
    const url = server?.url ?? "";
    const namespaces = ["n", "n-1", "N"];
    const queues: Queue[] = [];
    for (const namespace of namespaces) queues.push(await scene.queue([{ url, namespace }], { name: "polls" }));
    for (const [index, queue] of queues.entries()) {
      assert.is(await queue.assign({ id: "same", payload: namespaces[index] }), "created");
      assert.ok(await queue.tryLock("same"));
    }
    const { connect } = await import("nats");
    const producer = await connect({ servers: url });
    for (const namespace of namespaces) {
      const assignment = JSON.stringify({ id: "published", payload: namespace, at: 4e12 });
      const answer = await producer.request(`${namespace}.polls.assign`, assignment, { timeout: 20_000 });
      assert.equal(answer.json(), { ok: true, result: "created" });
    }
    await scene.until(() => scene.ran.length === 3);
    assert.equal([...scene.ran].sort(), ['same "N"', 'same "n"', 'same "n-1"']);
    for (const [index, queue] of queues.entries()) {
      const tasks = (await collect(queue.list())).filter(({ id }) => id === "published");
      assert.equal(
        tasks.map(({ payload }) => payload),
        [namespaces[index]],
      );
      assert.is(queue.workers().length, 1);
    }
    const streams = await (await producer.jetstreamManager()).streams.list().next();
    const owners = streams.map(({ config }) =>
      namespaces.filter((name) => new RegExp(`^(KV_)?${name}_`).test(config.name)),
    );
    assert.ok(owners.every(({ length }) => length === 1));
    await producer.close();
  });
});

test.run();
