import { createRuntime, discard, memoryStore, type Queue } from "ostinato";
import { createInspector, type InspectorOptions } from "ostinato/inspector";
import { virtualClock, type VirtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { breakable, type Breakable } from "../helpers/breakable-store";

interface Place {
  readonly queue: Queue;
  readonly clock: VirtualClock;
  readonly way: Breakable;
  get(path: string): Promise<Response>;
  read(path: string): Promise<Record<string, unknown>>;
  act(body: object, headers?: Record<string, string>): Promise<Response>;
}

const begun = Date.parse("2026-01-01T00:00:00Z");

/** A queue "mail" of four partitions, whose task "bad" is given up at once and "long" goes on until the end. */
async function served(options: InspectorOptions, look: (place: Place) => Promise<void>): Promise<void> {
  const clock = virtualClock({ start: begun });
  let endLong = (): void => undefined;
  const long = new Promise<void>((resolve) => (endLong = resolve));
  const way = breakable(memoryStore());
  const logger = pino({ level: "silent" });
  const runtime = createRuntime({ clock, logger, store: way.store, nodeId: "node-a" });
  const queue = await runtime.queue({
    name: "mail",
    partitions: 4,
    run: (payload) => {
      if (payload === "bad") throw discard(new Error("no such address"));
      return payload === "long" ? long : undefined;
    },
  });
  await runtime.start();
  const inspector = await createInspector(runtime, { port: 0, ...options });
  const get = (path: string): Promise<Response> => fetch(new URL(path, inspector.url));
  const page = await (await get("/")).text();
  const token = /name="ostinato-token" content="([^"]+)"/.exec(page)?.[1] ?? "";
  try {
    await clock.advance("5s");
    await look({
      ...{ queue, clock, way, get },
      read: async (path) => (await (await get(path)).json()) as Record<string, unknown>,
      act: (body, headers = { "x-ostinato-token": token }) =>
        fetch(new URL("/api/act", inspector.url), { method: "POST", headers, body: JSON.stringify(body) }),
    });
  } finally {
    await inspector.close();
    endLong();
    const stopped = runtime.stop();
    await clock.advance("1m");
    await stopped;
  }
}

test("a task is looked up by its id and by the beginning of it, with why it does not run", async () => {
  await served({}, async ({ queue, clock, read }) => {
    for (let index = 0; index < 60; index++) {
      await queue.assign({ id: `order/${String(index)}`, payload: { index }, at: begun + 3_600_000 });
    }
    await queue.assign({ id: "long", payload: "long" });
    await clock.advance("2s");

    const one = await read(`/api/queue/task?queue=mail&id=${encodeURIComponent("order/7")}`);
    const task = one["task"] as Record<string, unknown>;
    assert.is(task["id"], "order/7");
    assert.is(task["due"], begun + 3_600_000);
    assert.is(task["payload"], '{\n  "index": 7\n}');
    assert.equal(one["why"], { is: "notDue", text: "it is not due before", until: begun + 3_600_000 });
    assert.match(String(one["owner"]), /^node-a-/);

    const running = await read("/api/queue/task?queue=mail&id=long");
    assert.equal(running["why"], { is: "running", text: "node-a runs it, attempt 1" });

    const some = await read("/api/queue/tasks?queue=mail&prefix=order%2F5");
    const ids = (some["tasks"] as { id: string }[]).map(({ id }) => id).sort();
    assert.equal(ids, ["order/5", ...Array.from({ length: 10 }, (_, index) => `order/5${String(index)}`)]);
    assert.is(some["more"], false);
    const many = await read("/api/queue/tasks?queue=mail&prefix=order");
    assert.is((many["tasks"] as unknown[]).length, 50);
    assert.is(many["more"], true);

    assert.is((await read("/api/queue/task?queue=mail&id=nobody"))["task"], null);
    assert.match(String((await read(`/api/queue/task?queue=mail&id=${"x".repeat(600)}`))["error"]), /512 bytes/);
  });
});

test("a queue, and an address, that are not there are not found", async () => {
  await served({}, async ({ get }) => {
    for (const path of ["/api/queue?queue=other", "/api/queue", "/api/queue/nothing?queue=mail"]) {
      assert.is((await get(path)).status, 404, path);
    }
  });
});

test("dead letters are told with reason and error, and retried and removed when that is allowed", async () => {
  await served({ allowActions: true }, async ({ queue, clock, read, act }) => {
    await queue.assign({ id: "a", payload: "bad" });
    await queue.assign({ id: "b", payload: "bad" });
    await clock.advance("3s");
    const { letters, count } = (await read("/api/queue/letters?queue=mail")) as {
      letters: { key: string; id: string; reason: string; error: string; payload: string }[];
      count: number;
    };
    assert.is(count, 2);
    assert.equal(letters.map(({ id }) => id).sort(), ["a", "b"]);
    for (const { reason, error, payload } of letters) {
      assert.equal([reason, error, payload], ["discarded", "no such address", '"bad"']);
    }
    const keyOf = (id: string): string => letters.find((letter) => letter.id === id)?.key ?? "";

    const removed = await act({ action: "removeDeadLetter", queue: "mail", key: keyOf("a") });
    assert.is(removed.status, 200);
    assert.is((await read("/api/queue/letters?queue=mail"))["count"], 1, "what was counted before is forgotten");
    const again = await act({ action: "removeDeadLetter", queue: "mail", key: keyOf("a") });
    assert.is(again.status, 409);
    assert.match(await again.text(), /no such dead letter any more/);

    assert.is((await act({ action: "retryDeadLetter", queue: "mail", key: keyOf("b") })).status, 200);
    assert.is((await read("/api/queue/letters?queue=mail"))["count"], 0);
    assert.is((await queue.get("b"))?.due.getTime(), clock.now());
    assert.is((await act({ action: "retryDeadLetter", queue: "mail", key: keyOf("b") })).status, 409);
    assert.is((await act({ action: "explode", queue: "mail", key: keyOf("b") })).status, 409);
    assert.is((await act({ action: "removeDeadLetter", queue: "other", key: keyOf("b") })).status, 409);
  });
});

test("a dead letter stays where it is unless actions are allowed, and come with the page's token", async () => {
  const letterOf = async ({ queue, clock }: Place): Promise<object> => {
    await queue.assign({ id: "a", payload: "bad" });
    await clock.advance("3s");
    for await (const { key } of queue.deadLetters()) return { action: "removeDeadLetter", queue: "mail", key };
    throw new Error("there is no dead letter");
  };
  const stays = async ({ queue }: Place): Promise<void> => {
    const ids = [];
    for await (const { id } of queue.deadLetters()) ids.push(id);
    assert.equal(ids, ["a"]);
  };
  await served({}, async (place) => {
    const denied = await place.act(await letterOf(place));
    assert.is(denied.status, 403);
    assert.match(await denied.text(), /allowActions/);
    await stays(place);
  });
  await served({ allowActions: true }, async (place) => {
    const letter = await letterOf(place);
    assert.is((await place.act(letter, {})).status, 403);
    assert.is((await place.act(letter, { "x-ostinato-token": "another" })).status, 403);
    await stays(place);
  });
});

test("payloads are told as redact leaves them, of tasks and of dead letters", async () => {
  const redact: InspectorOptions["redact"] = (value, { what, task }) =>
    what === "payload" ? `hidden of ${task}` : value;
  await served({ redact }, async ({ queue, clock, get }) => {
    await queue.assign({ id: "later", payload: "a secret", at: begun + 3_600_000 });
    await queue.assign({ id: "given-up", payload: "bad" });
    await clock.advance("3s");
    const paths = ["task?queue=mail&id=later", "tasks?queue=mail&prefix=later", "letters?queue=mail"];
    const told = await Promise.all(paths.map(async (path) => (await get(`/api/queue/${path}`)).text()));
    assert.match(told[0]!, /hidden of later/);
    assert.match(told[2]!, /hidden of given-up/);
    for (const text of told) assert.not.match(text, /secret|\\"bad\\"/);
  });
});

test("metrics tell of each queue how deep it is, how its runs ended and how late they began", async () => {
  await served({}, async ({ queue, clock, get }) => {
    await queue.assign({ id: "good", payload: "good" });
    await queue.assign({ id: "a", payload: "bad" });
    await queue.assign({ id: "long", payload: "long" });
    await queue.assign({ id: "later", payload: "good", at: begun + 3_600_000 });
    await clock.advance("5s");
    const text = await (await get("/metrics")).text();
    for (const line of [
      'ostinato_queue_executing{queue="mail"} 1',
      'ostinato_queue_tasks{queue="mail",state="waiting"} 1',
      'ostinato_queue_tasks{queue="mail",state="due"} 0',
      'ostinato_queue_tasks{queue="mail",state="running"} 1',
      'ostinato_queue_runs_total{queue="mail",outcome="succeeded"} 1',
      'ostinato_queue_runs_total{queue="mail",outcome="failed"} 1',
      'ostinato_queue_dead_letters_total{queue="mail"} 1',
      'ostinato_queue_partitions{queue="mail"} 4',
      'ostinato_queue_partitions_owned{queue="mail"} 4',
    ]) {
      assert.ok(text.split("\n").includes(line), line);
    }
    assert.match(text, /^ostinato_queue_lateness_seconds\{queue="mail",quantile="0\.99"\} [\d.]+$/m);
    for (const line of text.trim().split("\n")) {
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? [\d.e+-]+)$/, line);
    }
  });
});

test("the health names a queue whose partitions nobody has owned for two leases, until it owns them again", async () => {
  await served({}, async ({ clock, way, get, read }) => {
    assert.is((await get("/healthz")).status, 200);
    way.cut();
    await clock.advance("15s");
    assert.is((await get("/healthz")).status, 200, "not before two leases have passed");
    await clock.advance("45s");
    const unwell = await read("/healthz");
    assert.equal(unwell, {
      ok: false,
      unhealthy: [{ name: "queue:mail", reason: "it owns no partition, although nobody owns 4 of 4" }],
    });
    way.mend();
    await clock.advance("1m");
    assert.is((await get("/healthz")).status, 200);
  });
});

test("the cluster view tells who owns each partition", async () => {
  await served({}, async ({ read }) => {
    const { queues } = (await read("/api/cluster")) as {
      queues: { queue: string; nodes: { id: string; self: boolean }[]; cells: [number, string?][] }[];
    };
    const [mail] = queues;
    assert.is(mail?.queue, "mail");
    assert.is(mail?.nodes[0]?.self, true);
    assert.equal(
      mail?.cells.map(([place]) => place),
      [0, 0, 0, 0],
    );
  });
});

test.run();
