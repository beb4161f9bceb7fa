// time limit: 240 s
import { cp, rm } from "node:fs/promises";
import { connect, type NatsConnection } from "nats";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsStore } from "../../src/stores/nats";
import { listen } from "../contracts/heard";
import { natsVersions, startNatsCluster, startNatsServer, type NatsServer } from "../helpers/nats-server";
import { healthyStream } from "../helpers/nats-stream";
import { startTcpProxy } from "../helpers/tcp-proxy";

const stream = "KV_ostinato_m";

/** What is kept of the stream while a watch of it goes on, and how that is brought back while the watch is cut off. */
interface Backup {
  restore(): Promise<void>;
}

async function ask<T>(connection: NatsConnection, action: string, body?: object): Promise<T> {
  const answer = await connection.request(`$JS.API.${action}`, body && JSON.stringify(body), { timeout: 5_000 });
  const { error, ...told } = answer.json<{ error?: { description: string } }>();
  if (error) throw new Error(`${action}: ${error.description}`);
  return told as T;
}

/** As the tools of NATS do it, consumers included. */
async function snapshot(connection: NatsConnection): Promise<Backup> {
  const chunks: Uint8Array[] = [];
  const subscription = connection.subscribe("backup");
  const about = await ask<{ config: object; state: object }>(connection, `STREAM.SNAPSHOT.${stream}`, {
    deliver_subject: "backup",
  });
  for await (const message of subscription) {
    if (message.data.length === 0) break;
    chunks.push(message.data);
    message.respond();
  }
  return {
    async restore() {
      await ask(connection, `STREAM.DELETE.${stream}`);
      const { config, state } = about;
      const { deliver_subject: to } = await ask<{ deliver_subject: string }>(connection, `STREAM.RESTORE.${stream}`, {
        config,
        state,
      });
      for (const chunk of [...chunks, new Uint8Array(0)]) await connection.request(to, chunk, { timeout: 5_000 });
    },
  };
}

/** The files of all servers. */
async function files(connection: NatsConnection, servers: readonly NatsServer[]): Promise<Backup> {
  await healthyStream(connection, stream);
  for (const server of servers) server.pause();
  for (const { dataDir } of servers) await cp(dataDir, `${dataDir}-backup`, { recursive: true });
  for (const server of servers) server.resume();
  return {
    async restore() {
      for (const server of servers) await server.kill();
      for (const { dataDir } of servers) {
        await rm(dataDir, { recursive: true });
        await cp(`${dataDir}-backup`, dataDir, { recursive: true });
      }
      await Promise.all(servers.map((server) => server.restart()));
      await healthyStream(connection, stream);
    },
  };
}

async function check(
  servers: readonly NatsServer[],
  replicas: number,
  backUp: (connection: NatsConnection, servers: readonly NatsServer[]) => Promise<Backup>,
): Promise<void> {
  const urls = servers.map(({ url }) => url);
  const proxy = await startTcpProxy(servers[0]?.port ?? 0);
  const connection = await connect({ servers: urls, maxReconnectAttempts: -1 });
  const direct = natsStore({ servers: urls, replicas, requestTimeout: "10s" });
  const cutOff = natsStore({ servers: proxy.url, replicas, ignoreClusterUpdates: true });
  const offline = new Promise<void>((resolve) => {
    cutOff.onEvent(({ type }) => {
      if (type === "offline") resolve();
    });
  });
  await Promise.all([direct.open(), cutOff.open()]);
  const map = direct.map("m");
  const write = async (key: string, value: string): Promise<void> => {
    const entry = await map.get(key);
    assert.ok((await (entry ? map.update(key, value, entry.revision) : map.create(key, value))).ok);
  };

  await write("kept", "1");
  const heard = listen();
  const watch = cutOff.map("m").watch("", heard.listener);
  await heard.current;
  await write("kept", "2");
  const backup = await backUp(connection, servers);
  await write("gone", "1");
  await heard.until(({ key }) => key === "gone");
  await proxy.refuse();
  await offline;
  await backup.restore();
  // The stream grows past what the watch has seen, and keeps nothing where that was.
  for (let count = 1; count <= 10; count += 1) await write("new", String(count));
  await proxy.heal();
  await heard.until(({ value }) => value === "10");
  await watch.close();
  await Promise.all([direct.close(), cutOff.close(), connection.close()]);
  await proxy.close();
  await Promise.all(servers.map((server) => server.stop()));
  // A load that is interrupted begins with another doubt: nothing says that the stream is still the same.
  const told = heard.log.filter((line, at, log) => line !== "current" && !(line === "doubt" && log[at - 1] === line));
  assert.equal(told, ["kept@1", "kept@2", "gone@3", "doubt", "kept@2", "new@12"]);
}

for (const version of natsVersions) {
  test(`${version}: a watch notices that its stream was restored, although what it saw last was overwritten since`, async () => {
    await check([await startNatsServer({ version })], 1, snapshot);
  });
}

test("three servers: a watch notices that all of them were restored, which still know its consumer", async () => {
  await check(await startNatsCluster({ version: "2.15.1" }), 3, files);
});

test.run();
