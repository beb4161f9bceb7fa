import { headers, type Msg } from "nats";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NatsBucket } from "../../src/stores/nats-bucket";
import { NatsFeed } from "../../src/stores/nats-feed";
import type { NatsLink } from "../../src/stores/nats-link";

/** A feed from one of several servers, and what it calls. */
async function feedUntil(until: number) {
  const log: string[] = [];
  let take: (message: Msg) => void = () => undefined;
  const link = {
    settings: { replicas: 3 },
    receive: (callback: typeof take) => {
      take = callback;
      return { subject: "inbox", end: () => undefined, isOver: () => false };
    },
    api: () => Promise.resolve({ num_pending: 1 }),
  };
  const bucket = { name: "KV_m", subjects: "$KV.m." };
  const feed = new NatsFeed(link as unknown as NatsLink, bucket as unknown as NatsBucket, "", {
    message: ({ key }) => log.push(key),
    current: () => log.push("current"),
    alive: () => log.push("alive"),
    broken: (reason) => log.push(reason),
  });
  await feed.start(undefined, until);
  const told = (act: () => void): string[] => {
    log.length = 0;
    act();
    return [...log];
  };
  return {
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
  const { heartbeat, message } = await feedUntil(7);
  assert.equal(heartbeat(0, 3), []);
  assert.equal(message("a", 1, 5), ["alive", "a"]);
  assert.equal(heartbeat(1, 5), []);
  assert.equal(heartbeat(1, 7), ["current", "alive"]);
  assert.equal(heartbeat(1, 7), ["alive"]);
});

test.run();
