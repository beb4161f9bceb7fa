// time limit: 240 s
import { connect } from "nats";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsStore } from "../../src/stores/nats";
import { storeContract } from "../contracts/store";
import { natsClusterOf, startNatsCluster, type NatsServer } from "../helpers/nats-server";
import { healthyStream } from "../helpers/nats-stream";

let count = 0;
for (const version of ["2.10.27", "2.15.1"] as const) {
  let cluster: Promise<NatsServer[]> | undefined;
  const makeOptions = async () => {
    const servers = await (cluster ??= startNatsCluster({ version }));
    return {
      servers: servers.map(({ url }) => url),
      replicas: 3,
      namespace: `c${String(++count)}`,
      requestTimeout: "10s",
    } as const;
  };
  const make = async () => {
    const options = await makeOptions();
    const stores = [natsStore(options)];
    return {
      store: stores[0]!,
      reopen: async () => {
        const other = natsStore(options);
        stores.push(other);
        await other.open();
        return other;
      },
      cleanup: async () => {
        for (const store of stores) await store.close();
      },
    };
  };
  storeContract(`three nats-servers ${version}, three replicas`, make);

  test(`${version}: three that count together lose and invent nothing while servers are killed in turn and leaders step down`, async () => {
    const options = await makeOptions();
    const servers = (await cluster) ?? [];
    const stores = [1, 2, 3].map(() => natsStore({ ...options, requestTimeout: 1000 }));
    await Promise.all(stores.map((store) => store.open()));
    const won = new Set<string>();
    const unknown = new Set<string>();
    let isOver = false;
    let lastError: unknown;
    const counters = stores.map(async (store, name) => {
      const map = store.map("m");
      for (let attempt = 0; !isOver; attempt += 1) {
        const mark = `${String(name)}.${String(attempt)}`;
        try {
          const entry = await map.get("counter");
          const marks = entry ? (JSON.parse(entry.value) as string[]) : [];
          const value = JSON.stringify([...marks, mark]);
          const answer = entry
            ? await map.update("counter", value, entry.revision)
            : await map.create("counter", value);
          if (answer.ok) won.add(mark);
        } catch (error) {
          const { code } = error as { code?: string };
          if (code === "ERR_STORE_UNKNOWN") unknown.add(mark);
          else assert.is(code, "ERR_STORE_UNAVAILABLE");
          lastError = error;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    });
    const more = async (by: number) => {
      const goal = won.size + by;
      const deadline = performance.now() + 40_000;
      while (won.size < goal) {
        if (performance.now() > deadline) throw new Error("no progress for 40 s", { cause: lastError });
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const connection = await connect({ servers: [...options.servers], maxReconnectAttempts: -1 });
    const stream = `KV_${options.namespace}_m`;
    await more(20);
    for (const server of servers) {
      await healthyStream(connection, stream);
      await server.kill();
      await more(20);
      await server.restart();
      await more(20);
    }
    for (let round = 0; round < 3; round += 1) {
      await healthyStream(connection, stream);
      await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, undefined, { timeout: 4000 });
      await more(20);
    }
    await connection.close();
    isOver = true;
    await Promise.all(counters);
    let entry;
    while (!entry)
      entry = await stores[0]
        ?.map("m")
        .get("counter")
        .catch(() => undefined);
    const marks = JSON.parse(entry.value) as string[];
    assert.is(new Set(marks).size, marks.length);
    assert.equal(
      [...won].filter((mark) => !marks.includes(mark)),
      [],
    );
    assert.equal(
      marks.filter((mark) => !won.has(mark) && !unknown.has(mark)),
      [],
    );
    await Promise.all(stores.map((store) => store.close()));
  });

  test(`${version}: the cluster ends`, async () => {
    await Promise.all(((await cluster) ?? []).map((server) => server.stop()));
  });
}

// Newer servers choose no leader for a minute while one of them has never been there.
test("where a server is only just coming, what needs it is made once it has come", async () => {
  const start = await natsClusterOf(3, { version: "2.10.27" });
  const servers = await Promise.all([start(0), start(1)]);
  await Promise.any(servers.map((server) => server.logged(/Self is new JetStream cluster metadata leader/)));
  const store = natsStore({ servers: servers[0].url, replicas: 3 });
  await store.open();
  const write = async (): Promise<void> => {
    for (;;) {
      try {
        assert.ok((await store.map("m").create("k", "v")).ok);
        return;
      } catch (error) {
        // Without a leader for a moment; what would end a service at its start is another code.
        assert.is((error as { code?: string }).code, "ERR_STORE_UNAVAILABLE");
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  };
  await Promise.all([write(), start(2).then((server) => servers.push(server))]);
  await store.close();
  await Promise.all(servers.map((server) => server.stop()));
});

test.run();
