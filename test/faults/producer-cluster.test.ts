// time limit: 240 s
import { connect } from "nats";
import { createRuntime, natsStore } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startNatsCluster } from "../helpers/nats-server";
import { healthyStream } from "../helpers/nats-stream";

const soon = Date.parse("2999-01-01T00:00:00Z");

test("on three servers, no JetStream publish and no request that was acknowledged is lost while leaders of the intake are killed", async () => {
  const servers = await startNatsCluster({ version: "2.15.1" });
  const urls = servers.map(({ url }) => url);
  const connection = { servers: urls, maxReconnectAttempts: -1, reconnectTimeWait: 100 };
  const runtime = createRuntime({
    store: natsStore({ ...connection, replicas: 3 }),
    logger: pino({ level: "silent" }),
  });
  const queue = await runtime.queue({ name: "polls", partitions: 4, lease: "3s" });
  const producer = await connect(connection);
  const js = producer.jetstream();
  const acknowledged: string[] = [];
  let unanswered = 0;
  let isOver = false;

  /** As the wire protocol says: the same bytes under the same name, until there is an answer. */
  const send = async (id: string, how: "publish" | "request"): Promise<void> => {
    const body = JSON.stringify({ id, payload: 1, at: soon });
    for (;;) {
      try {
        if (how === "publish") await js.publish("ostinato.polls.assign", body, { msgID: id, timeout: 2_000 });
        else {
          const answer = await producer.request("ostinato.polls.assign", body, { timeout: 2_000 });
          if (answer.json<{ ok?: boolean }>().ok !== true) throw new Error(answer.string());
        }
        acknowledged.push(id);
        return;
      } catch {
        unanswered += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let n = 0; !isOver; n += 1) await send(`${String(sender)}-${String(n)}`, sender % 2 ? "request" : "publish");
  });

  const more = async (count: number): Promise<void> => {
    const before = acknowledged.length;
    while (acknowledged.length < before + count) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const looking = await connect(connection);
  const killed: string[] = [];
  await more(50);
  for (let round = 0; round < 3; round += 1) {
    const leader = await healthyStream(looking, "ostinato_polls_intake");
    const server = servers[Number(leader.slice(1))];
    await server?.kill();
    killed.push(leader);
    await more(50);
    await server?.restart();
  }
  isOver = true;
  await Promise.all(senders);
  console.log(
    `  ${String(acknowledged.length)} acknowledged, ${String(unanswered)} not at once; killed ${killed.join()}`,
  );
  const stored = new Set<string>();
  for await (const { id } of queue.list()) stored.add(id);
  assert.equal(
    acknowledged.filter((id) => !stored.has(id)),
    [],
  );
  await runtime.stop();
  await Promise.all([producer.close(), looking.close()]);
  await Promise.all(servers.map((server) => server.stop()));
});

test.run();
