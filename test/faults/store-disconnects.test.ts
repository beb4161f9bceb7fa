import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RevisionMap, Store, StoreEvent, Written } from "../../src/store";
import { natsStore, type NatsStoreOptions } from "../../src/stores/nats";
import { listen } from "../contracts/heard";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";
import { startTcpProxy, type TcpProxy } from "../helpers/tcp-proxy";

/*
 * What a caller sees and what the server does when the way between them breaks, one case a test. `map` goes through the
 * proxy; `witness` reaches the server directly and tells what is really there.
 */
interface World {
  readonly server: NatsServer;
  readonly proxy: TcpProxy;
  readonly store: Store;
  readonly map: RevisionMap;
  readonly witness: RevisionMap;
  readonly events: StoreEvent["type"][];
  event(type: StoreEvent["type"]): Promise<void>;
}

let count = 0;
let server: NatsServer;

test.before(async () => {
  server = await startNatsServer();
});
test.after(() => server.stop());

async function inWorld(options: NatsStoreOptions, use: (world: World) => Promise<void>): Promise<void> {
  const proxy = await startTcpProxy(server.port);
  const namespace = `cut${String(++count)}`;
  const direct = natsStore({ servers: server.url, namespace });
  const store = natsStore({ servers: proxy.url, namespace, requestTimeout: 300, ...options });
  const events: StoreEvent["type"][] = [];
  const waiting = new Set<() => void>();
  store.onEvent(({ type }) => {
    events.push(type);
    for (const look of [...waiting]) look();
  });
  const event = (type: StoreEvent["type"]) => {
    const before = events.filter((other) => other === type).length;
    return new Promise<void>((resolve) => {
      const look = () => {
        if (events.filter((other) => other === type).length <= before) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
    });
  };
  await Promise.all([store.open(), direct.open()]);
  try {
    await use({ server, proxy, store, map: store.map("m"), witness: direct.map("m"), events, event });
  } finally {
    await proxy.heal();
    await Promise.all([store.close(), direct.close()]);
    await proxy.close();
  }
}

function written(answer: Written): number {
  assert.ok(answer.ok);
  return answer.ok ? answer.revision : 0;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    (value) => `no error but ${JSON.stringify(value)}`,
    (error: unknown) => (error as { code?: string }).code ?? (error as Error).message,
  );
}

/** Resolves when the map's watch has told of this. */
async function seen(map: RevisionMap, key: string, value: string): Promise<void> {
  const heard = listen();
  const watch = map.watch(key, heard.listener);
  await heard.until((change) => change.key === key && change.value === value);
  await watch.close();
}

test("S1 an update sent into a black hole is unknown, and is applied once the way is free", async () => {
  await inWorld({}, async ({ proxy, map, witness }) => {
    const first = written(await map.create("k", "1"));
    proxy.blackHole();
    assert.is(await codeOf(map.update("k", "2", first)), "ERR_STORE_UNKNOWN");
    assert.is((await witness.get("k"))?.value, "1");
    await proxy.heal();
    await seen(witness, "k", "2");
    assert.equal(await map.update("k", "stale", first), { ok: false });
  });
});

test("S1 an update that comes late does no harm to one that came meanwhile", async () => {
  await inWorld({}, async ({ proxy, map, witness }) => {
    const first = written(await map.create("k", "1"));
    proxy.blackHole();
    assert.is(await codeOf(map.update("k", "late", first)), "ERR_STORE_UNKNOWN");
    written(await witness.update("k", "meanwhile", first));
    await proxy.heal();
    const after = written(await map.create("after", ""));
    assert.ok(after > first);
    assert.is((await witness.get("k"))?.value, "meanwhile");
  });
});

test("S2 S3 an update while the server refuses connections fails at once and is never applied", async () => {
  await inWorld({}, async ({ proxy, map, witness, event }) => {
    const first = written(await map.create("k", "1"));
    const offline = event("offline");
    await proxy.refuse();
    await offline;
    assert.is(await codeOf(map.update("k", "2", first)), "ERR_STORE_UNAVAILABLE");
    assert.is(await codeOf(map.get("k")), "ERR_STORE_UNAVAILABLE");
    const back = event("online");
    await proxy.heal();
    await back;
    written(await map.create("after", ""));
    assert.equal(await witness.get("k"), { key: "k", value: "1", revision: first });
    written(await map.update("k", "3", first));
  });
});

test("S4 an update while a dial hangs fails at once and is not sent when the dial succeeds", async () => {
  await inWorld({}, async ({ proxy, map, witness, event }) => {
    const first = written(await map.create("k", "1"));
    const offline = event("offline");
    proxy.cut();
    const dialled = proxy.nextConnection();
    proxy.blackHole();
    await offline;
    await dialled;
    assert.is(await codeOf(map.update("k", "2", first)), "ERR_STORE_UNAVAILABLE");
    const back = event("online");
    await proxy.heal();
    await back;
    written(await map.create("after", ""));
    assert.equal(await witness.get("k"), { key: "k", value: "1", revision: first });
  });
});

test("S5 without reconnection a lost connection makes every call fail at once, and open() connects anew", async () => {
  await inWorld({ reconnect: false }, async ({ proxy, store, map, event }) => {
    const first = written(await map.create("k", "1"));
    const offline = event("offline");
    proxy.cut();
    await offline;
    assert.is(await codeOf(map.get("none")).then((code) => code.slice(0, 9)), "ERR_STORE");
    await store.open();
    written(await map.update("k", "2", first));
  });
});

test("S6 a black hole is noticed by pings, and what was under way is unknown at that moment", async () => {
  await inWorld(
    { pingInterval: 200, maxPingOut: 2, requestTimeout: "1m" },
    async ({ proxy, map, witness, events, event }) => {
      const first = written(await map.create("k", "1"));
      const offline = event("offline");
      proxy.blackHole();
      const update = codeOf(map.update("k", "2", first));
      await offline;
      assert.is(await update, "ERR_STORE_UNKNOWN");
      const back = event("online");
      await proxy.heal();
      await back;
      await seen(witness, "k", "2");
      assert.equal(events, ["online", "disconnect", "offline", "reconnect", "online"]);
    },
  );
});

test("S7 an update whose answer is lost is unknown and was applied", async () => {
  await inWorld({}, async ({ proxy, map, witness, event }) => {
    const first = written(await map.create("k", "1"));
    proxy.loseReplies();
    assert.is(await codeOf(map.update("k", "2", first)), "ERR_STORE_UNKNOWN");
    assert.is((await witness.get("k"))?.value, "2");
    const back = event("online");
    await proxy.heal();
    await back;
    assert.is((await map.get("k"))?.value, "2");
  });
});

test("S7 a create whose answer is lost is found by reading", async () => {
  await inWorld({}, async ({ proxy, map, event }) => {
    written(await map.create("other", ""));
    proxy.loseReplies();
    assert.is(await codeOf(map.create("k", "mine")), "ERR_STORE_UNKNOWN");
    const back = event("online");
    await proxy.heal();
    await back;
    assert.equal(await map.create("k", "again"), { ok: false });
    assert.is((await map.get("k"))?.value, "mine");
  });
});

test("S8 a watch that was cut off hears what it missed, deletions too, once and in order", async () => {
  await inWorld({}, async ({ proxy, map, witness, event }) => {
    const a = written(await witness.create("a", "1"));
    const b = written(await witness.create("b", "1"));
    const heard = listen();
    const watch = map.watch("", heard.listener);
    await heard.current;
    const offline = event("offline");
    await proxy.refuse();
    await offline;
    const gone = written(await witness.delete("b", b));
    const next = written(await witness.update("a", "2", a));
    const made = written(await witness.create("c", "1"));
    await proxy.heal();
    await heard.until((change) => change.key === "c");
    assert.equal(heard.log, [
      `a@${String(a)}`,
      `b@${String(b)}`,
      "current",
      `b@${String(gone)}`,
      `a@${String(next)}`,
      `c@${String(made)}`,
    ]);
    await watch.close();
  });
});

test("S8 a watch goes on after every cut, although all that it has seen was overwritten meanwhile", async () => {
  await inWorld({}, async ({ proxy, map, witness, event }) => {
    let revision = written(await witness.create("k", "0"));
    const heard = listen();
    const watch = map.watch("", heard.listener);
    await heard.current;
    const expected = [`k@${String(revision)}`, "current"];
    for (const round of ["1", "2", "3"]) {
      const offline = event("offline");
      await proxy.refuse();
      await offline;
      revision = written(await witness.update("k", round, revision));
      expected.push(`k@${String(revision)}`);
      await proxy.heal();
      await heard.until(({ value }) => value === round);
    }
    assert.equal(heard.log, expected);
    await watch.close();
  });
});

test.run();
