// time limit: 240 s
import { connect, headers, type NatsConnection } from "nats";
import { createRuntime, natsStore, type Queue, type QueueOptions, type Runtime } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsVersions, startNatsServer, type NatsServer } from "../helpers/nats-server";

type Answer = Record<string, unknown>;

interface Place {
  readonly producer: NatsConnection;
  /** Another process of the queue "polls", which runs it. */
  open(more?: Partial<QueueOptions>): Promise<{ queue: Queue; runtime: Runtime }>;
  /** How often each id has run, in any process. */
  readonly runs: Map<string, number>;
  ask(kind: string, body: unknown, messageId?: string): Promise<Answer>;
  /** Resolves once the task of this id has run to its end. */
  gone(queue: Queue, id: string): Promise<void>;
}

for (const version of natsVersions) {
  let shared: Promise<NatsServer> | undefined;
  let places = 0;

  const at = (name: string, body: (place: Place) => Promise<void>): void => {
    test(`${version}: ${name}`, async () => {
      const { url } = await (shared ??= startNatsServer({ version }));
      const namespace = `c${String((places += 1))}`;
      const producer = await connect({ servers: url });
      const runtimes: Runtime[] = [];
      const runs = new Map<string, number>();
      const count = (id: string): void => void runs.set(id, (runs.get(id) ?? 0) + 1);
      try {
        await body({
          producer,
          runs,
          open: async (more = {}) => {
            const store = natsStore({ servers: url, namespace, storage: "memory" });
            const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
            runtimes.push(runtime);
            const options = { name: "polls", partitions: 4, lease: "2s", bucket: "50ms", ...more } as const;
            const queue = await runtime.queue({ ...options, run: (_payload, context) => count(context.name) });
            await runtime.start();
            return { runtime, queue };
          },
          ask: async (kind, given, messageId) => {
            const own = headers();
            if (messageId !== undefined) own.set("Nats-Msg-Id", messageId);
            const about = messageId === undefined ? {} : { headers: own };
            const text = typeof given === "string" ? given : JSON.stringify(given);
            const answer = await producer.request(`${namespace}.polls.${kind}`, text, { timeout: 30_000, ...about });
            return answer.json<Answer>();
          },
          gone: async (queue, id) => {
            while ((await queue.get(id)) !== undefined);
          },
        });
      } finally {
        await Promise.all(runtimes.map((runtime) => runtime.stop()));
        await producer.close();
      }
    });
  };
  const created = { ok: true, result: "created" };

  at("X4 47 copies that wait count as one: one run, and each has its answer", async (place) => {
    let admit = (): void => undefined;
    const admitted = new Promise<void>((resolve) => (admit = resolve));
    const validate = async (value: unknown) => {
      await admitted;
      return { value };
    };
    const { queue } = await place.open({ schema: { "~standard": { version: 1, vendor: "test", validate } } });
    const bodies = Array.from({ length: 47 }, () => ({ id: "once", payload: 1 }));
    const answers = bodies.map((body) => place.ask("assign", body));
    await place.producer.flush();
    admit();
    assert.equal(
      await Promise.all(answers),
      bodies.map(() => created),
    );
    await place.gone(queue, "once");
    await place.ask("remove", { id: "another" });
    assert.is(place.runs.get("once"), 1);
  });

  at("X4 a repeated request is answered from what was done, by whichever process accepts then", async (place) => {
    const first = await place.open();
    assert.equal(await place.ask("assign", { id: "once", payload: 1 }), created);
    await place.gone(first.queue, "once");
    assert.equal(await place.ask("assign", { id: "once", payload: 1 }), created);
    const second = await place.open();
    await first.runtime.stop();
    assert.equal(await place.ask("assign", { id: "once", payload: 1 }), created);
    assert.is(await second.queue.get("once"), undefined);
    assert.is(place.runs.get("once"), 1);
  });

  at(
    "X4 an equal request counts again after a removal, by a message or by a call, and after another payload",
    async (place) => {
      const { queue } = await place.open();
      const other = await place.open();
      const body = { id: "again", payload: 1, at: Date.parse("2999-01-01T00:00:00Z") };
      assert.equal(await place.ask("assign", body), created);
      assert.equal(await place.ask("remove", { id: "again" }), { ok: true, result: "removed" });
      assert.equal(await place.ask("assign", body), created);
      assert.is((await queue.get("again"))?.payload, 1);
      for (const { queue: caller } of [{ queue }, other]) {
        assert.ok(await caller.remove("again"));
        assert.equal(await place.ask("assign", body), created);
        assert.is((await queue.get("again"))?.payload, 1);
      }
      assert.equal(await place.ask("assign", { ...body, payload: 2 }), { ok: true, result: "updated" });
      assert.equal(await place.ask("assign", body), { ok: true, result: "updated" });
      assert.is((await queue.get("again"))?.payload, 1);
      await other.queue.assign({ ...body, payload: 3 });
      assert.equal(await place.ask("assign", body), { ok: true, result: "updated" });
      assert.is((await queue.get("again"))?.payload, 1);
    },
  );

  at("X4 a request with a known Nats-Msg-Id has the answer of the first, as a receipt of JetStream", async (place) => {
    const { queue, runtime } = await place.open();
    const body = { id: "named", payload: 1 };
    const first = await place.ask("assign", body, "order 17");
    assert.equal([first["ok"], first["result"], first["duplicate"]], [true, "created", undefined]);
    assert.match(first["stream"] as string, /^c\d+_polls_intake$/);
    await place.gone(queue, "named");
    assert.equal(await place.ask("assign", body, "order 17"), { ...first, duplicate: true });
    const misused = await place.ask("assign", { ...body, payload: 2 }, "order 17");
    assert.is(misused["code"], "ERR_INVALID_OPTION");
    const refused = await place.ask("assign", { id: "" }, "order 18");
    assert.is(refused["code"], "ERR_INVALID_ID");
    assert.equal(await place.ask("assign", { id: "" }, "order 18"), refused);
    assert.match(String((refused["error"] as { description: string }).description), /^ERR_INVALID_ID: id: expected/);
    assert.is(place.runs.get("named"), 1);
    const next = await place.open();
    await runtime.stop();
    assert.equal(await place.ask("assign", body, "order 17"), { ...first, duplicate: true });
    assert.is((await place.ask("assign", body, "order 19"))["result"], "created", "another name is another message");
    await place.gone(next.queue, "named");
    assert.is(place.runs.get("named"), 2);
  });

  at("X4 the JetStream publish of a client is acknowledged once the task is stored", async (place) => {
    const { queue } = await place.open();
    const subject = `c${String(places)}.polls.assign`;
    const body = JSON.stringify({ id: "published", payload: 1, at: 4e12 });
    const receipt = await place.producer.jetstream().publish(subject, body, { msgID: "p1", timeout: 30_000 });
    assert.equal([receipt.stream, receipt.duplicate], [`c${String(places)}_polls_intake`, false]);
    assert.is((await queue.get("published"))?.payload, 1);
    const again = await place.producer.jetstream().publish(subject, body, { msgID: "p1", timeout: 30_000 });
    assert.equal([again.seq, again.duplicate], [receipt.seq, true]);
    const refusal = await place.producer
      .jetstream()
      .publish(subject, "{}", { msgID: "p2", timeout: 30_000 })
      .catch((error: unknown) => error as Error);
    assert.match((refusal as Error).message, /ERR_INVALID_ID/i);
  });

  test(`${version}: the server is no longer needed`, async () => {
    await (await shared)?.stop();
  });
}

test.run();
