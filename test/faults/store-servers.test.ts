import { test } from "uvu";
import * as assert from "uvu/assert";
import { systemClock } from "../../src/clocks/system";
import type { Store, StoreEvent, Written } from "../../src/store";
import { natsStore, type NatsStoreOptions } from "../../src/stores/nats";
import { listen } from "../contracts/heard";
import { natsVersions, startNatsServer, type NatsServer, type NatsVersion } from "../helpers/nats-server";
import { warningsDuring } from "../helpers/warnings";

type Nats = typeof import("nats");

async function withServer(version: NatsVersion, use: (server: NatsServer) => Promise<void>): Promise<void> {
  const server = await startNatsServer({ version });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

async function withStore(options: NatsStoreOptions, use: (store: Store) => Promise<void>): Promise<void> {
  const store = natsStore(options);
  await store.open();
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

function event(store: Store, type: StoreEvent["type"]): Promise<void> {
  return new Promise((resolve) => {
    const stop = store.onEvent((happened) => {
      if (happened.type !== type) return;
      stop();
      resolve();
    });
  });
}

/** The administrator, by the client's own means. */
async function asAdministrator<T>(
  server: NatsServer,
  use: (manager: Awaited<ReturnType<import("nats").NatsConnection["jetstreamManager"]>>) => Promise<T>,
): Promise<T> {
  const { connect } = (await import("nats")) as Nats;
  const connection = await connect({ servers: server.url });
  try {
    return await use(await connection.jetstreamManager());
  } finally {
    await connection.close();
  }
}

function written(answer: Written): number {
  assert.ok(answer.ok);
  return answer.ok ? answer.revision : 0;
}

for (const version of natsVersions) {
  test(`${version}: a server killed under writes and restarted on its data has every acknowledged one`, async () => {
    await withServer(version, async (server) => {
      await withStore({ servers: server.url }, async (store) => {
        const map = store.map("m");
        written(await map.create("first", ""));
        const acknowledged: string[] = [];
        const codes = new Set<unknown>();
        const back = event(store, "online");
        let isOver = false;
        const writers = Array.from({ length: 200 }, async (_, writer) => {
          for (let index = 0; !isOver; index += 1) {
            const key = `k${String(writer)}.${String(index)}`;
            try {
              if ((await map.create(key, "")).ok) acknowledged.push(key);
            } catch (error) {
              codes.add((error as { code?: string }).code);
              isOver = true;
            }
          }
        });
        while (acknowledged.length < 500) await map.get("first");
        await server.kill();
        await Promise.all(writers);
        assert.ok([...codes].every((code) => code === "ERR_STORE_UNKNOWN" || code === "ERR_STORE_UNAVAILABLE"));
        await server.restart();
        await back;
        const found = new Set<string>();
        for await (const entry of map.list("")) found.add(entry.key);
        assert.equal(
          acknowledged.filter((key) => !found.has(key)),
          [],
        );
      });
    });
  });

  test(`${version}: a watch hears again soon after its server was killed and restarted`, async () => {
    await withServer(version, async (server) => {
      await withStore({ servers: server.url }, async (store) => {
        const map = store.map("m");
        const heard = listen();
        map.watch("", heard.listener);
        await heard.current;
        const revision = written(await map.create("k", "1"));
        await heard.until((change) => change.value === "1");
        const back = event(store, "online");
        await server.kill();
        await server.restart();
        await back;
        const returned = systemClock.monotonic();
        const next = await map.update("k", "2", revision);
        written(next);
        await heard.until((change) => change.value === "2");
        assert.ok(systemClock.monotonic() - returned < 3000, "blind for longer than three seconds");
      });
    });
  });

  // The oldest and the newest will do for what takes a silence to notice.
  if (version === "2.10.27") continue;

  test(`${version}: a watch whose consumer was removed notices and misses nothing`, async () => {
    await withServer(version, async (server) => {
      await withStore({ servers: server.url }, async (store) => {
        const map = store.map("m");
        const heard = listen();
        map.watch("", heard.listener);
        await heard.current;
        await asAdministrator(server, async (manager) => {
          for await (const consumer of manager.consumers.list("KV_ostinato_m")) {
            await manager.consumers.delete("KV_ostinato_m", consumer.name);
          }
        });
        const revision = written(await map.create("k", ""));
        await heard.until((change) => change.revision === revision);
        assert.not.ok(heard.log.includes("doubt"));
      });
    });
  });

  test(`${version}: a stream that was removed and made anew raises doubt, and what is there is delivered anew`, async () => {
    await withServer(version, async (server) => {
      await withStore({ servers: server.url }, async (store) => {
        const map = store.map("m");
        written(await map.create("old", ""));
        const epoch = await store.epoch("m");
        const heard = listen();
        map.watch("", heard.listener);
        await heard.current;
        await asAdministrator(server, (manager) => manager.streams.delete("KV_ostinato_m"));
        let made: Written | undefined;
        while (!made?.ok) made = await map.create("new", "").catch(() => undefined);
        await heard.until((change) => change.key === "new" && heard.log.includes("doubt"));
        assert.is(await map.get("old"), undefined);
        assert.ok((await store.epoch("m")) >= epoch);
      });
    });
  });
}

test("who keeps replicas on servers that can start unheard by each other is warned, once", async () => {
  await withServer("2.10.27", async (server) => {
    const warnings = await warningsDuring(async () => {
      for (const replicas of [1, 3, 3]) await withStore({ servers: server.url, replicas }, () => Promise.resolve());
    });
    assert.match(warnings, /^nats-server 2\.10\.27 .* peers hear nothing .*; upgrade to 2\.11\.0 or newer$/);
  });
});

test("a server that stands still makes writes unknown, and all goes on when it moves again", async () => {
  await withServer("2.15.1", async (server) => {
    await withStore({ servers: server.url, requestTimeout: 200, pingInterval: 300 }, async (store) => {
      const map = store.map("m");
      const revision = written(await map.create("k", "1"));
      const offline = event(store, "offline");
      server.pause();
      const codes = [map.update("k", "2", revision), map.get("k")].map((call) =>
        call.then(
          () => "answered",
          (error: unknown) => (error as { code?: string }).code,
        ),
      );
      assert.equal(await Promise.all(codes), ["ERR_STORE_UNKNOWN", "ERR_STORE_UNAVAILABLE"]);
      await offline;
      const back = event(store, "online");
      server.resume();
      await back;
      assert.ok(await map.get("k"));
    });
  });
});

test("a watch that was away for longer than deletions are remembered raises doubt", async () => {
  await withServer("2.15.1", async (server) => {
    let ahead = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
    await withStore({ servers: server.url, clock }, async (store) => {
      const map = store.map("m");
      const revision = written(await map.create("k", "1"));
      const heard = listen();
      map.watch("", heard.listener);
      await heard.current;
      const offline = event(store, "offline");
      await server.kill();
      await offline;
      ahead = 61_000;
      await server.restart();
      await heard.until(() => heard.log.includes("doubt") && heard.log.at(-1) === "current");
      assert.equal(heard.log, [`k@${String(revision)}`, "current", "doubt", `k@${String(revision)}`, "current"]);
    });
  });
});

test("flapping leaves no consumers behind", async () => {
  await withServer("2.15.1", async (server) => {
    const { connect } = (await import("nats")) as Nats;
    await withStore({ servers: server.url, reconnectTimeWait: 20, reconnectJitter: 0 }, async (store) => {
      const map = store.map("m");
      const listeners = Array.from({ length: 5 }, () => listen());
      const watches = listeners.map((heard) => map.watch("", heard.listener));
      await Promise.all(listeners.map((heard) => heard.current));
      for (let round = 0; round < 8; round += 1) {
        const back = event(store, "online");
        await server.kill();
        await server.restart();
        await back;
      }
      const revision = written(await map.create("k", ""));
      await Promise.all(listeners.map((heard) => heard.until((change) => change.revision === revision)));
      const connection = await connect({ servers: server.url });
      const manager = await connection.jetstreamManager();
      const count = async () => (await manager.streams.info("KV_ostinato_m")).state.consumer_count;
      assert.ok((await count()) <= 10, `${String(await count())} consumers for 5 watches`);
      await Promise.all(watches.map((watch) => watch.close()));
      await connection.close();
    });
    const left = await asAdministrator(
      server,
      async (manager) => (await manager.streams.info("KV_ostinato_m")).state.consumer_count,
    );
    assert.ok(left <= 5, `${String(left)} consumers for no watch`);
  });
});

test("deletions leave nothing behind once their time is over", async () => {
  await withServer("2.9.10", async (server) => {
    let ahead = 0;
    const timers = new Set<() => void>();
    const clock = {
      ...systemClock,
      monotonic: () => systemClock.monotonic() + ahead,
      setTimeout(callback: () => void, delay: number) {
        if (delay === 10_000) return timers.add(callback);
        return systemClock.setTimeout(callback, delay);
      },
    };
    await withStore({ servers: server.url, clock }, async (store) => {
      const map = store.map("m");
      const keep = written(await map.create("keep", ""));
      for (const key of ["a", "b", "c"]) written(await map.delete(key, written(await map.create(key, ""))));
      const messages = () =>
        asAdministrator(server, async (manager) => (await manager.streams.info("KV_ostinato_m")).state.messages);
      assert.is(await messages(), 4);
      ahead = 121_000;
      for (const sweep of timers) sweep();
      while ((await messages()) > 1) await map.get("keep");
      assert.is((await map.get("keep"))?.revision, keep);
    });
  });
});

test.run();
