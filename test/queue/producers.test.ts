// time limit: 300 s
import { connect, type NatsConnection } from "nats";
import { createRuntime, natsStore, type DeadLetter, type Queue, type QueueOptions, type Runtime } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hostileMessages } from "../helpers/hostile-messages";
import { natsVersions, startNatsServer, type NatsServer } from "../helpers/nats-server";

type Answer = { ok: boolean; result?: string; code?: string; message?: string };

interface Place {
  readonly producer: NatsConnection;
  /** Another process of the queue "polls". */
  open(options?: Partial<QueueOptions>): Promise<{ queue: Queue; runtime: Runtime }>;
  ask(kind: string, body: unknown): Promise<Answer>;
  publish(kind: string, body: unknown): void;
  /** Resolves when the stream keeps nothing any more: all of it has been dealt with. */
  settled(): Promise<void>;
}

const bodyOf = (body: unknown): string | Uint8Array =>
  typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);

const soon = Date.parse("2999-01-01T00:00:00Z");

async function letters(queue: Queue): Promise<DeadLetter[]> {
  const all: DeadLetter[] = [];
  for await (const letter of queue.deadLetters()) all.push(letter);
  return all;
}

for (const version of natsVersions) {
  let shared: Promise<NatsServer> | undefined;
  let places = 0;

  const at = (name: string, body: (place: Place) => Promise<void>): void => {
    test(`${version}: ${name}`, async () => {
      const { url } = await (shared ??= startNatsServer({ version }));
      const namespace = `p${String((places += 1))}`;
      const producer = await connect({ servers: url });
      const runtimes: Runtime[] = [];
      try {
        await body({
          producer,
          open: async (options = {}) => {
            const store = natsStore({ servers: url, namespace, storage: "memory" });
            const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
            runtimes.push(runtime);
            return { runtime, queue: await runtime.queue({ name: "polls", partitions: 4, lease: "2s", ...options }) };
          },
          ask: async (kind, body) => {
            const answer = await producer.request(`${namespace}.polls.${kind}`, bodyOf(body), { timeout: 60_000 });
            return answer.json<Answer>();
          },
          publish: (kind, body) => producer.publish(`${namespace}.polls.${kind}`, bodyOf(body)),
          settled: async () => {
            for (let left = 1; left > 0;) {
              const answer = await producer.request(`$JS.API.STREAM.INFO.${namespace}_polls_intake`, undefined, {
                timeout: 20_000,
              });
              left = answer.json<{ state: { messages: number } }>().state.messages;
            }
          },
        });
      } finally {
        await Promise.all(runtimes.map((runtime) => runtime.stop()));
        await producer.close();
      }
    });
  };

  at("a request assigns, updates and removes, and each has its answer", async ({ open, ask }) => {
    const { queue } = await open();
    assert.equal(await ask("assign", { id: "a", payload: { n: 1 }, at: soon }), { ok: true, result: "created" });
    assert.equal(await ask("assign", { id: "a", payload: { n: 2 }, at: "2999-01-02T00:00:00Z", every: "1h" }), {
      ok: true,
      result: "updated",
    });
    const task = await queue.get("a");
    assert.equal(
      [task?.payload, task?.due.toISOString(), task?.every],
      [{ n: 2 }, "2999-01-02T00:00:00.000Z", 3_600_000],
    );
    assert.equal(await ask("remove", { id: "a" }), { ok: true, result: "removed" });
    assert.equal(await ask("remove", { id: "a" }), { ok: true, result: "absent" });
    assert.is(await queue.get("a"), undefined);
    const refused = await ask("assign", { id: "b", payload: 1, every: "1 fortnight" });
    assert.equal([refused.ok, refused.code], [false, "ERR_INVALID_DURATION"]);
    assert.match(refused.message ?? "", /every/);
  });

  at("what is published while no process is up is kept, and accepted in order for each id", async (place) => {
    const { producer, open } = place;
    const { runtime } = await open();
    await runtime.stop();
    const ids = Array.from({ length: 50 }, (_, index) => `task ${String(index)}`);
    for (let round = 0; round < 20; round += 1) {
      for (const id of ids) place.publish("assign", { id, payload: round, at: soon });
    }
    for (const id of ids.slice(0, 10)) place.publish("remove", { id });
    place.publish("remove", { id: ids[10] });
    place.publish("assign", { id: ids[10], payload: "again", at: soon });
    await producer.flush();
    const { queue } = await open();
    await place.settled();
    assert.is(await queue.size(), 40);
    for await (const { id, payload } of queue.list()) assert.is(payload, id === ids[10] ? "again" : 19);
  });

  at("one process at a time accepts, and another goes on where it stops", async (place) => {
    const first = await place.open();
    const second = await place.open();
    for (let round = 0; round < 300; round += 1) place.publish("assign", { id: "a", payload: round, at: soon });
    await place.producer.flush();
    await first.runtime.stop();
    for (let round = 300; round < 600; round += 1) place.publish("assign", { id: "a", payload: round, at: soon });
    assert.equal(await place.ask("assign", { id: "a", payload: "last", at: soon }), { ok: true, result: "updated" });
    assert.is((await second.queue.get("a"))?.payload, "last");
    assert.equal(await letters(second.queue), []);
  });

  at("a queue that accepts nothing leaves to others, or to later, what is published", async (place) => {
    const { queue } = await place.open();
    await queue.stopAccepting();
    place.publish("assign", { id: "a", payload: 1, at: soon });
    await place.producer.flush();
    assert.is(await queue.get("a"), undefined);
    await queue.startAccepting();
    assert.equal(await place.ask("remove", { id: "b" }), { ok: true, result: "absent" });
    await place.settled();
    assert.is((await queue.get("a"))?.payload, 1);
  });

  at("what the schema refuses is a dead letter, which is retried once the schema takes it", async (place) => {
    const schemaOf = (isGood: (payload: unknown) => boolean) => ({
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) => (isGood(value) ? { value } : { issues: [{ message: "must be a number" }] }),
      },
    });
    const strict = await place.open({ schema: schemaOf((value) => typeof value === "number") });
    const answer = await place.ask("assign", { id: "a", payload: "one", every: "1h", at: soon });
    assert.equal([answer.ok, answer.code], [false, "ERR_INVALID_PAYLOAD"]);
    assert.match(answer.message ?? "", /must be a number/);
    const [letter] = await letters(strict.queue);
    assert.equal(
      [letter?.id, letter?.payload, letter?.reason, letter?.code, letter?.attempts],
      ["a", "one", "refused", "ERR_INVALID_PAYLOAD", 0],
    );
    const again = await strict.queue.retryDeadLetter(letter?.key ?? "").catch((error: unknown) => error);
    assert.is((again as { code: string }).code, "ERR_INVALID_PAYLOAD");
    await strict.runtime.stop();
    const { queue } = await place.open({ schema: schemaOf(() => true) });
    await queue.retryDeadLetter(letter?.key ?? "");
    assert.equal([(await queue.get("a"))?.payload, (await queue.get("a"))?.every], ["one", 3_600_000]);
    assert.equal(await letters(queue), []);
  });

  // Once is enough for so many.
  const hostile = version === natsVersions.at(-1) ? 100_000 : 1_000;
  at(
    `${String(hostile)} malformed and hostile messages: each a dead letter, every good one accepted`,
    async (place) => {
      const { runtime } = await place.open({ lease: "10s" });
      await runtime.stop();
      const good = hostile / 100;
      let sent = 0;
      for (const body of hostileMessages(hostile)) {
        place.publish("assign", body);
        if (sent % 100 === 0) place.publish("assign", { id: `good ${String(sent / 100)}`, payload: sent, at: soon });
        sent += 1;
        if (sent % 1_000 === 0) await place.producer.flush();
      }
      const { queue } = await place.open({ lease: "10s" });
      await place.settled();
      const accepted: string[] = [];
      for await (const { id } of queue.list()) if (!id.startsWith("good ")) accepted.push(id);
      assert.equal(accepted, []);
      assert.is(await queue.size(), good);
      let count = 0;
      for await (const { reason, code, error, message } of queue.deadLetters()) {
        count += 1;
        if (
          reason !== "refused" ||
          code?.startsWith("ERR_INVALID_") !== true ||
          error === "" ||
          message === undefined
        ) {
          assert.unreachable(`${reason} ${String(code)} ${error}`);
        }
      }
      assert.is(count, hostile);
    },
  );

  test(`${version}: the server is no longer needed`, async () => {
    await (await shared)?.stop();
  });
}

test.run();
