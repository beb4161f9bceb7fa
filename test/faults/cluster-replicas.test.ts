// time limit: 240 s
import { connect } from "nats";
import { natsStore } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startGuard } from "../helpers/guard";
import { startNatsCluster, startNatsServer } from "../helpers/nats-server";
import { healthyStream } from "../helpers/nats-stream";
import { startNode } from "../helpers/node-process";

test("on three servers with three replicas, exclusivity and progress hold while servers are killed and leaders step down", async () => {
  const [servers, guard] = await Promise.all([startNatsCluster({ version: "2.15.1" }), startGuard()]);
  const urls = servers.map(({ url }) => url);
  const nodes = await Promise.all(
    ["a", "b", "c"].map((nodeId) =>
      startNode({
        nodeId,
        servers: urls,
        namespace: "c",
        replicas: 3,
        lease: "3s",
        requestTimeout: 1_000,
        guard: guard.port,
        tasks: [{ name: "job", every: "1s", workMs: 500 }],
      }),
    ),
  );
  const more = async (count: number, after: string) => {
    const before = guard.begun.length;
    await guard.until(`runs after ${after}`, () => guard.begun.length >= before + count);
  };
  await more(3, "the start");
  const connection = await connect({ servers: urls, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const stream = "KV_c_leases";
  for (const [index, server] of servers.entries()) {
    const leader = await healthyStream(connection, stream);
    await server.kill();
    await more(3, `server ${String(index)} was killed (${leader} led)`);
    await server.restart();
  }
  const leaders: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    leaders.push(await healthyStream(connection, stream));
    await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, undefined, { timeout: 4_000 });
    await more(2, "a leader stepped down");
  }
  console.log(`  ${String(guard.begun.length)} runs; leaders ${leaders.join(", ")}`);
  assert.equal(guard.overlaps, []);
  assert.equal(guard.refused, []);
  for (const node of nodes) {
    assert.is(node.ended, false, node.output().slice(-2_000));
    assert.equal(
      node.told.filter(({ type }) => type === "unhandledRejection" || type === "gaveUp"),
      [],
    );
  }
  const tokens = guard.begun.map(({ token }) => token);
  assert.equal(
    tokens,
    [...tokens].sort((one, other) => one - other),
  );
  await connection.close();
  assert.equal(await Promise.all(nodes.map((node) => node.stop())), [0, 0, 0]);
  await guard.close();
  await Promise.all(servers.map((server) => server.stop()));
});

test("three replicas on nats-server 2.9.10 are refused with the reason", async () => {
  const server = await startNatsServer({ version: "2.9.10" });
  const store = natsStore({ servers: server.url, replicas: 3 });
  const error = await store.open().then(
    () => undefined,
    (thrown: unknown) => thrown as { code: string; message: string },
  );
  assert.is(error?.code, "ERR_STORE_SETTINGS");
  assert.match(error?.message ?? "", /2\.9\.10.*replicas: 3 needs 2\.10\.23 or newer.*upgrade/);
  await store.close();
  await server.stop();
});

test("a bucket with fewer replicas than asked for is refused, naming the setting", async () => {
  const server = await startNatsServer({ version: "2.15.1" });
  const one = natsStore({ servers: server.url });
  await one.open();
  await one.map("leases").create("k", "");
  await one.close();
  const three = natsStore({ servers: server.url, replicas: 3 });
  await three.open();
  const error = await three
    .map("leases")
    .get("k")
    .then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; message: string },
    );
  assert.is(error?.code, "ERR_STORE_SETTINGS");
  assert.match(error?.message ?? "", /KV_ostinato_leases: num_replicas is 1, but must be at least 3/);
  await three.close();
  await server.stop();
});

test.run();
