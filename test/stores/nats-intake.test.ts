import { connect, type NatsConnection } from "nats";
import { natsStore, type Store } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Intake, IntakeMessage, Watch } from "../../src/store";
import { examineNats } from "../../src/stores/nats-examination";
import { natsVersions, startNatsServer, type NatsServer } from "../helpers/nats-server";

const textOf = ({ body }: { body: Uint8Array }): string => Buffer.from(body).toString("utf8");

interface Reader {
  readonly messages: IntakeMessage[];
  readonly watch: Watch;
  until(isSo: () => boolean): Promise<void>;
}

/** Everything that an intake delivers; `each` is told of it as it comes. */
function read(intake: Intake, each: (message: IntakeMessage) => void = () => undefined): Reader {
  const messages: IntakeMessage[] = [];
  const waiting = new Set<() => void>();
  const watch = intake.consume((message) => {
    messages.push(message);
    each(message);
    for (const look of [...waiting]) look();
  });
  return {
    messages,
    watch,
    until: (isSo) =>
      new Promise((resolve) => {
        const look = () => {
          if (!isSo()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Resolves when requests are heard: the stream's messages come only after that. */
async function listening(reader: Reader, producer: NatsConnection): Promise<void> {
  producer.publish("ostinato.jobs.remove", "first");
  await reader.until(() => reader.messages.length > 0);
  reader.messages.length = 0;
}

interface Place {
  readonly server: NatsServer;
  readonly producer: NatsConnection;
  readonly intake: Intake;
  /** Another process at the same queue. */
  other(): Promise<Intake>;
  kept(): Promise<number>;
  consumers(): Promise<number>;
}

type StreamInfo = { state: { messages: number; consumer_count: number }; config: Record<string, unknown> };

async function streamOf(producer: NatsConnection): Promise<StreamInfo> {
  const answer = await producer.request("$JS.API.STREAM.INFO.ostinato_jobs_intake", undefined, { timeout: 4000 });
  return answer.json<StreamInfo>();
}

for (const version of natsVersions) {
  let shared: Promise<NatsServer> | undefined;

  const at = (name: string, body: (place: Place) => Promise<void>, ownServer = false): void => {
    test(`${version}: ${name}`, async () => {
      const server = await (ownServer ? startNatsServer({ version }) : (shared ??= startNatsServer({ version })));
      const producer = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
      const stores: Store[] = [];
      const other = async () => {
        const store = natsStore({ servers: server.url, reconnectTimeWait: 50, reconnectJitter: 1 });
        stores.push(store);
        await store.open();
        const intake = store.intake?.("jobs");
        if (!intake) throw new Error("a NATS store has an intake");
        return intake;
      };
      const intake = await other();
      await intake.open();
      try {
        await body({
          server,
          producer,
          intake,
          other,
          kept: async () => (await streamOf(producer)).state.messages,
          consumers: async () => (await streamOf(producer)).state.consumer_count,
        });
      } finally {
        for (const store of stores) await store.close();
        await producer.request("$JS.API.STREAM.DELETE.ostinato_jobs_intake", undefined, { timeout: 4000 });
        await producer.close();
        if (ownServer) await server.stop();
      }
    });
  };

  at("a request has exactly one answer, and it is ours", async ({ intake, producer }) => {
    const reader = read(intake, (message) => {
      message.answer(`${message.kind} ${textOf(message)}`);
      message.answer("a second answer is none");
    });
    await listening(reader, producer);
    const inbox = "_INBOX.here";
    const answers: string[] = [];
    const subscription = producer.subscribe(inbox, {
      callback: (_error, { data }) => answers.push(textOf({ body: data })),
    });
    producer.publish("ostinato.jobs.assign", "one", { reply: inbox });
    producer.publish("ostinato.jobs.remove", "two", { reply: inbox });
    await reader.until(() => reader.messages.length === 2);
    const last = await producer.request("ostinato.jobs.assign", "three", { timeout: 5000 });
    assert.is(last.string(), "assign three");
    assert.equal(answers, ["assign one", "remove two"]);
    subscription.unsubscribe();
  });

  at("what is published while nobody reads comes later and in order, and done removes it", async (place) => {
    const { intake, producer, other } = place;
    const sent = Array.from({ length: 20 }, (_, index) => `{"id":${String(index)}}`);
    for (const [index, text] of sent.entries()) {
      producer.publish(`ostinato.jobs.${index % 3 === 0 ? "remove" : "assign"}`, text);
    }
    await producer.flush();
    const first = read(intake);
    await first.until(() => first.messages.length === sent.length);
    assert.equal(first.messages.map(textOf), sent);
    assert.equal(
      first.messages.map(({ kind }) => kind),
      sent.map((_, index) => (index % 3 === 0 ? "remove" : "assign")),
    );
    assert.ok(intake.epoch > 1_600_000_000, "in seconds since 1970");
    assert.is(await place.kept(), 20);
    await intake.done(first.messages[11]?.sequence ?? 0);
    assert.is(await place.kept(), 8);
    await intake.done(first.messages[3]?.sequence ?? 0);
    assert.is(await place.kept(), 8);
    assert.is(await place.consumers(), 1);
    await first.watch.close();
    assert.is(await place.consumers(), 0);

    const second = read(await other());
    producer.publish("ostinato.jobs.assign", "after");
    await second.until(() => second.messages.length === 9);
    assert.equal(second.messages.map(textOf), [...sent.slice(12), "after"]);
    await second.watch.close();
  });

  at("bodies are delivered as they came: empty, not text, or as large as the server takes", async (place) => {
    const { intake, producer } = place;
    const bodies = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, index) => index),
      new Uint8Array(producer.info?.max_payload ?? 0).fill(7),
    ];
    const reader = read(intake, (message) => {
      message.answer(String(message.body.length));
    });
    await listening(reader, producer);
    for (const body of bodies) {
      const { data } = await producer.request("ostinato.jobs.assign", body, { timeout: 5000 });
      assert.is(textOf({ body: data }), String(body.length));
    }
    assert.ok(reader.messages.every(({ body }, index) => Buffer.compare(body, bodies[index] ?? body) === 0));
  });

  at("requests of equal content each have an answer", async ({ intake, producer }) => {
    let count = 0;
    const reader = read(intake, (message) => {
      message.answer(String((count += 1)));
    });
    await listening(reader, producer);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => producer.request("ostinato.jobs.assign", "same", { timeout: 10_000 })),
    );
    assert.ok(answers.every((answer) => Number(answer.string()) > 1));
    await reader.until(() => count > 200);
  });

  at("a request that waits while reading stops is answered once it begins again", async ({ intake, producer }) => {
    const silent = read(intake);
    await listening(silent, producer);
    const asked = producer.request("ostinato.jobs.assign", "one", { timeout: 10_000 });
    await silent.until(() => silent.messages.length === 1);
    await silent.watch.close();
    read(intake, (message) => {
      message.answer("done");
    });
    assert.is((await asked).string(), "done");
  });

  at("many messages pass in order, and no more than 2,000 are open at a time", async (place) => {
    const { intake, producer } = place;
    const total = 5000;
    let done = 0;
    let mostOpen = 0;
    const reader = read(intake, () => {
      mostOpen = Math.max(mostOpen, reader.messages.length - done);
    });
    for (let index = 0; index < total; index += 1) producer.publish("ostinato.jobs.assign", String(index));
    while (done < total) {
      // As many as may be open, so that more than that would be seen.
      const due = Math.min(2000, total - done);
      await reader.until(() => reader.messages.length - done >= due);
      await producer.flush();
      done += 1000 < due ? 1000 : due;
      await intake.done(reader.messages[done - 1]?.sequence ?? 0);
    }
    assert.equal(
      reader.messages.map(textOf),
      Array.from({ length: total }, (_, index) => String(index)),
    );
    assert.is(mostOpen, 2000);
    assert.is(await place.kept(), 0);
  });

  at(
    "a server that is killed and comes back loses nothing and brings nothing out of order",
    async ({ server, intake, producer }) => {
      const reader = read(intake, (message) => {
        message.answer(textOf(message));
      });
      for (let index = 0; index < 300; index += 1) producer.publish("ostinato.jobs.assign", String(index));
      await reader.until(() => reader.messages.length >= 100);
      await producer.request("ostinato.jobs.assign", "300", { timeout: 5000 });
      await intake.done(reader.messages[50]?.sequence ?? 0);
      const back = (async () => {
        for await (const status of producer.status()) {
          const type: string = status.type;
          if (type === "reconnect") return;
        }
      })();
      await server.kill();
      await server.restart();
      await back;
      for (let index = 301; index < 400; index += 1) producer.publish("ostinato.jobs.assign", String(index));
      await reader.until(() => reader.messages.some((message) => textOf(message) === "399"));
      assert.equal(
        reader.messages.map(textOf),
        Array.from({ length: 400 }, (_, index) => String(index)),
      );
      const { data } = await producer.request("ostinato.jobs.assign", "again", { timeout: 10_000 });
      assert.is(textOf({ body: data }), "again");
    },
    true,
  );

  at("a stream that is removed is made anew, and what is done in the old one removes nothing of it", async (place) => {
    const { server, intake, producer } = place;
    const reader = read(intake);
    for (const text of ["1", "2", "3", "4"]) producer.publish("ostinato.jobs.assign", text);
    await reader.until(() => reader.messages.length === 4);
    const old = reader.messages[3]?.sequence ?? 0;
    await producer.request("$JS.API.STREAM.DELETE.ostinato_jobs_intake");
    const store = natsStore({ servers: server.url });
    await store.open();
    await store.intake?.("jobs").open();
    await store.close();
    producer.publish("ostinato.jobs.assign", "new");
    await reader.until(() => reader.messages.length === 5);
    assert.equal(reader.messages.map(textOf).slice(4), ["new"]);
    assert.is(reader.messages[4]?.sequence, 1);
    await intake.done(old);
    assert.is(await place.kept(), 1);
  });

  at("a stream that would lose messages or answer by itself is refused, naming the setting", async (place) => {
    const { config } = await streamOf(place.producer);
    const update = { ...config, max_age: 60_000_000_000, no_ack: false };
    await place.producer.request("$JS.API.STREAM.UPDATE.ostinato_jobs_intake", JSON.stringify(update));
    const other = await place.other();
    const error = await other.open().then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; message: string },
    );
    assert.is(error?.code, "ERR_STORE_SETTINGS");
    assert.match(error?.message ?? "", /stream ostinato_jobs_intake: no_ack is .*, but must be true/);
  });

  at("an examination takes nothing from who reads meanwhile", async ({ server, intake, producer }) => {
    const reader = read(intake, ({ sequence }) => {
      if (sequence % 100 === 0) void intake.done(sequence);
    });
    let published = 0;
    let isOver = false;
    const publishing = (async () => {
      while (!isOver) {
        for (let index = 0; index < 200; index += 1) producer.publish("ostinato.jobs.assign", String((published += 1)));
        await producer.flush();
      }
    })();
    for (let round = 0; round < 10; round += 1) await examineNats({ servers: server.url, queues: ["jobs"] });
    isOver = true;
    await publishing;
    producer.publish("ostinato.jobs.remove", "last");
    await reader.until(() => reader.messages.at(-1)?.kind === "remove");
    assert.is(reader.messages.length, published + 1);
  });

  test(`${version}: the server is no longer needed`, async () => {
    await (await shared)?.stop();
  });
}

test.run();
