import { headers, type Msg } from "nats";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NatsBucket } from "../../src/stores/nats-bucket";
import { NatsFeed } from "../../src/stores/nats-feed";
import type { NatsLink } from "../../src/stores/nats-link";

/** A feed from one of several servers, what it calls, and the answers that it gets, one after the other. */
function feedUntil(until: number, answers: (object | Error)[] = [{ num_pending: 1 }]) {
  const log: string[] = [];
  let take: (message: Msg) => void = () => undefined;
  const link = {
    settings: { replicas: 3 },
    receive: (callback: typeof take) => {
      take = callback;
      return { subject: "inbox", end: () => undefined, isOver: () => false };
    },
    api: async () => {
      const answer = answers.shift() ?? {};
      if (answer instanceof Error) throw answer;
      return Promise.resolve(answer);
    },
  };
  const bucket = { name: "KV_m", subjects: "$KV.m." };
  const feed = new NatsFeed(link as unknown as NatsLink, bucket as unknown as NatsBucket, "", {
    message: ({ key }) => log.push(key),
    current: () => log.push("current"),
    alive: () => log.push("alive"),
    broken: (reason) => log.push(reason),
  });
  const started = feed.start(undefined, until);
  const told = (act: () => void): string[] => {
    log.length = 0;
    act();
    return [...log];
  };
  return {
    feed,
    started,
    heartbeat: (consumer: number, stream: number) => {
      const fields = headers(100, "Idle Heartbeat");
      fields.set("Nats-Last-Consumer", String(consumer));
      fields.set("Nats-Last-Stream", String(stream));
      return told(() => take({ data: new Uint8Array(0), headers: fields } as Msg));
    },
    message: (key: string, consumer: number, stream: number) => {
      const reply = `$JS.ACK.KV_m.c.1.${String(stream)}.${String(consumer)}.0.0`;
      return told(() => take({ subject: `$KV.m.${key}`, data: Buffer.from("v"), reply } as unknown as Msg));
    },
  };
}

test("a feed from a server that lags, and delivers nothing of what the others have, counts as silent", async () => {
  const { heartbeat, message, started } = feedUntil(7);
  await started;
  assert.equal(heartbeat(0, 3), []);
  assert.equal(message("a", 1, 5), ["alive", "a"]);
  assert.equal(heartbeat(1, 5), []);
  assert.equal(heartbeat(1, 7), ["current", "alive"]);
  assert.equal(heartbeat(1, 7), ["alive"]);
});

test("a consumer that was left is the same one if its date is, and it has delivered what has come of it", async () => {
  const created = { created: "1" };
  const lost = new Error("no answer");
  const cluster = { name: "c" };
  const after = (count: number) => ({ consumer_seq: count });
  const cases: [first: object | Error, messages: number, found: object, isKept: boolean][] = [
    [created, 2, { ...created, delivered: after(2) }, true],
    [created, 2, { ...created, delivered: after(3), cluster }, true],
    [created, 2, { created: "2", delivered: after(2) }, false],
    [created, 2, { ...created, delivered: after(1) }, false],
    [created, 2, { error: { code: 404 } }, false],
    [created, 0, { ...created, delivered: after(0) }, true],
    [created, 0, { ...created, delivered: after(0), cluster }, false],
    [lost, 2, { ...created, delivered: after(2) }, true],
    [lost, 2, { ...created, delivered: after(0) }, false],
  ];
  for (const [first, messages, found, isKept] of cases) {
    const { feed, started, message } = feedUntil(7, [first, found]);
    if (first !== lost) await started;
    for (let number = 1; number <= messages; number += 1) message("k", number, number);
    feed.leave();
    await started.catch(() => undefined);
    assert.ok(feed.isWitness);
    assert.equal(message("k", messages + 1, messages + 1), [], "it takes nothing more");
    assert.is(await feed.isKept(), isKept, JSON.stringify({ messages, found }));
  }
  const { feed, started } = feedUntil(7, [lost]);
  feed.leave();
  await started.catch(() => undefined);
  assert.not.ok(feed.isWitness, "nothing is known of its consumer");
});

test.run();
