import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { connect, credsAuthenticator, nkeyAuthenticator } from "nats";
import { createRuntime, interval, natsStore, type NatsStoreOptions, type OstinatoError, type Store } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { permissionsOf, user } from "../helpers/guide-permissions";
import { nkeys, operatorAndUser, selfSigned } from "../helpers/nats-credentials";
import { natsVersions, startNatsServer, type NatsServer, type NatsServerOptions } from "../helpers/nats-server";

async function withServer(options: NatsServerOptions, use: (server: NatsServer) => Promise<void>): Promise<void> {
  const server = await startNatsServer(options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

async function failure(call: Promise<unknown>): Promise<OstinatoError> {
  return call.then(
    () => assert.unreachable("it was not refused") as never,
    (error: unknown) => error as OstinatoError,
  );
}

/** Everything that a store does, once. */
async function exercise(store: Store, name: string): Promise<void> {
  await store.open();
  const map = store.map(name);
  await store.epoch(name);
  const first = await map.create("k", "1");
  await map.create("k", "again");
  const second = await map.update("k", "2", first.ok ? first.revision : 0);
  await map.get("k");
  for await (const entry of map.list("")) assert.is(entry.key, "k");
  await map.delete("k", second.ok ? second.revision : 0);
}

/** Works with a store and throws everything away but what it let slip. */
async function leaks(options: NatsStoreOptions): Promise<string> {
  const seen: unknown[] = [];
  const keep = (warning: unknown) => seen.push(warning);
  process.on("warning", keep);
  const store = natsStore(options);
  const logger = pino({ level: "trace" }, { write: (line: string) => void seen.push(line) });
  const runtime = createRuntime({ store, logger });
  runtime.events.subscribe((event) => seen.push(event));
  seen.push(store.description, runtime.toString());
  const ran = new Promise<void>((resolve) => {
    runtime.spawn({ name: "task", schedule: interval("1h"), run: () => resolve() });
  });
  try {
    await runtime.start();
    if (!seen.some((event) => (event as { type?: string }).type === "offline")) await ran;
  } catch (error) {
    seen.push(error);
    logger.error(error);
  }
  await runtime.stop();
  process.off("warning", keep);
  return seen.map((each) => inspect(each, { depth: 12, showHidden: true })).join("\n");
}

const nkey = nkeys.createUser();
const seed = Buffer.from(nkey.getSeed()).toString();
const operator = operatorAndUser();
const folder = mkdtempSync(join(tmpdir(), "ostinato-tls-"));
const tls = selfSigned(folder);
test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Way = readonly [
  name: string,
  config: string,
  right: (url: string) => NatsStoreOptions,
  wrong: (url: string) => NatsStoreOptions,
  secrets: string[],
];
const another = nkeys.createUser();
const ways: Way[] = [
  [
    "a token",
    'authorization { token: "s3cr3t-token" }',
    (servers) => ({ servers, token: "s3cr3t-token" }),
    (servers) => ({ servers, token: "wr0ng-token" }),
    ["s3cr3t-token", "wr0ng-token"],
  ],
  [
    "a token in the address",
    'authorization { token: "s3cr3t-token" }',
    (url) => ({ servers: url.replace("//", "//s3cr3t-token@") }),
    (url) => ({ servers: url.replace("//", "//wr0ng-token@") }),
    ["s3cr3t-token", "wr0ng-token"],
  ],
  [
    "a user and a password",
    'authorization { users: [{ user: "worker", password: "s3cr3t/pa:ss" }] }',
    (servers) => ({ servers, user: "worker", pass: "s3cr3t/pa:ss" }),
    (servers) => ({ servers, user: "worker", pass: "wr0ng-pass" }),
    ["s3cr3t", "wr0ng-pass"],
  ],
  [
    "a user and a password in the address",
    'authorization { users: [{ user: "worker", password: "s3cr3t/pa:ss" }] }',
    (url) => ({ servers: [url.replace("//", "//worker:s3cr3t%2Fpa:ss@")] }),
    (url) => ({ servers: [url.replace("//", "//worker:wr0ng-pass@")] }),
    ["s3cr3t", "wr0ng-pass"],
  ],
  [
    "an nkey",
    `authorization { users: [{ nkey: ${nkey.getPublicKey()} }] }`,
    (servers) => ({ servers, authenticator: nkeyAuthenticator(nkey.getSeed()) }),
    (servers) => ({ servers, authenticator: nkeyAuthenticator(another.getSeed()) }),
    [seed, Buffer.from(another.getSeed()).toString()],
  ],
  [
    "credentials",
    operator.config,
    (servers) => ({ servers, authenticator: credsAuthenticator(operator.creds) }),
    (servers) => ({ servers, authenticator: credsAuthenticator(operatorAndUser().creds) }),
    [operator.seed, "BEGIN USER NKEY SEED"],
  ],
  [
    "TLS with a certificate of one's own, and a password",
    `${tls.config}\nauthorization { users: [{ user: "worker", password: "s3cr3t-pass" }] }`,
    (url) => ({ servers: url.replace("nats:", "tls:"), tls: { ca: tls.ca }, user: "worker", pass: "s3cr3t-pass" }),
    (url) => ({ servers: url.replace("nats:", "tls:"), user: "worker", pass: "s3cr3t-pass" }),
    ["s3cr3t-pass"],
  ],
];

for (const [name, config, right, wrong, secrets] of ways) {
  test(`${name} lets a runtime in, a wrong one does not, and neither is logged`, async () => {
    await withServer({ version: "2.15.1", config }, async ({ url }) => {
      const said = await leaks(right(url));
      assert.match(said, /FINISHED/);
      const refused = await leaks(wrong(url));
      assert.match(refused, /refused these credentials|self-signed certificate/);
      assert.not.match(refused, /FINISHED/);
      for (const secret of secrets) assert.not.ok(`${said}${refused}`.includes(secret), `${secret} was let slip`);
    });
  });
}

for (const version of natsVersions) {
  test(`${version}: the guide's permissions of a worker suffice, and without any one a clear error names it`, async () => {
    const worker = permissionsOf("worker");
    const lines = worker.split("\n").filter((line) => /^\s+"\$/.test(line));
    // What happens without these is in the guide: nothing fails.
    const needed = lines.filter((line) => line.includes("_leases") && !/DELETE|JS\.FC/.test(line));
    assert.is(needed.length, 4);
    const config = `authorization { users: [
      ${user("admin")}
      ${user("worker", worker)}
      ${needed.map((line, index) => user(`without${String(index)}`, worker.replace(line, ""))).join("\n")}
      ${user("deaf", worker.replace("_INBOX_worker.>", "other.>"))}
    ] }`;
    await withServer({ version, config }, async ({ url }) => {
      const options = (name: string) => ({
        ...{ servers: url, user: name, pass: `pw-${name}` },
        ...(name === "admin" ? {} : { inboxPrefix: "_INBOX_worker" }),
      });
      const admin = natsStore(options("admin"));
      for (const name of ["leases", "nodes"]) await exercise(admin, name);
      await admin.close();

      const told: string[] = [];
      const runtime = createRuntime({ store: natsStore(options("worker")), logger: pino({ level: "silent" }) });
      runtime.events.subscribe(({ type }) => told.push(type));
      const handle = runtime.spawn({ name: "t", schedule: interval("1h", { immediate: false }), run: () => undefined });
      await runtime.start();
      assert.ok((await handle.trigger()).started);
      const lock = await runtime.locks.tryLock("l");
      assert.ok(lock);
      if (lock) await runtime.locks.unlock(lock);
      await runtime.stop();
      assert.equal(
        told.filter((type) => type === "warning" || type === "offline"),
        [],
      );

      for (const [index, line] of needed.entries()) {
        const store = natsStore(options(`without${String(index)}`));
        const error = await failure(exercise(store, "leases"));
        assert.is(error.code, "ERR_STORE_PERMISSION", error.message);
        const subject = /"(\$[^">*]+)/.exec(line)?.[1] ?? "";
        assert.ok(error.message.includes(`does not permit this user to publish to "${subject}`), error.message);
        await store.close();
      }

      const deaf = natsStore(options("deaf"));
      const error = await failure(exercise(deaf, "leases"));
      assert.is(error.code, "ERR_STORE_PERMISSION");
      assert.match(
        error.message,
        /does not permit this user to subscribe to "_INBOX_worker\..*; grant "_INBOX_worker\.>"/,
      );
      await deaf.close();
    });
  });
}

test("a runtime that may not watch its leases does not start, and says which permission is missing", async () => {
  const worker = permissionsOf("worker").replace('"$JS.API.CONSUMER.CREATE.KV_ostinato_leases.>"', "");
  const config = `authorization { users: [${user("admin")}, ${user("worker", worker)}] }`;
  await withServer({ config }, async ({ url }) => {
    const admin = natsStore({ servers: url, user: "admin", pass: "pw-admin" });
    for (const name of ["leases", "nodes"]) await exercise(admin, name);
    await admin.close();
    const store = natsStore({ servers: url, user: "worker", pass: "pw-worker", inboxPrefix: "_INBOX_worker" });
    const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
    const error = await failure(runtime.start());
    assert.is(error.code, "ERR_STORE_PERMISSION");
    assert.match(error.message, /CONSUMER\.CREATE\.KV_ostinato_leases/);
    await runtime.stop();
  });
});

test("a runtime without a bucket for nodes runs its tasks and warns", async () => {
  const worker = permissionsOf("worker").replace(/"[^"]+_nodes[^"]*"/g, "");
  const config = `authorization { users: [${user("admin")}, ${user("worker", worker)}] }`;
  await withServer({ config }, async ({ url }) => {
    const admin = natsStore({ servers: url, user: "admin", pass: "pw-admin" });
    await exercise(admin, "leases");
    await admin.close();
    const store = natsStore({ servers: url, user: "worker", pass: "pw-worker", inboxPrefix: "_INBOX_worker" });
    const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
    const warned = new Promise<string>((resolve) => {
      runtime.events.subscribe((event) => {
        if (event.type === "warning") resolve(event.err?.message ?? "");
      });
    });
    await runtime.start();
    assert.match(await warned, /STREAM\.INFO\.KV_ostinato_nodes/);
    await runtime.stop();
  });
});

test("the guide's permissions of a producer let it send to its queue and to nothing else", async () => {
  const config = `authorization { users: [${user("admin")}, ${user("producer", permissionsOf("producer"))}] }`;
  await withServer({ config }, async ({ url }) => {
    const admin = await connect({ servers: url, user: "admin", pass: "pw-admin" });
    admin.subscribe("ostinato.polls.*", { callback: (_error, message) => message.respond(message.data) });
    await admin.flush();
    const producer = await connect({
      servers: url,
      user: "producer",
      pass: "pw-producer",
      inboxPrefix: "_INBOX.producer",
    });
    for (const action of ["assign", "remove"]) {
      const answer = await producer.request(`ostinato.polls.${action}`, '{"id":"1"}', { timeout: 2_000 });
      assert.is(answer.string(), '{"id":"1"}');
    }
    const refused: string[] = [];
    const both = new Promise<void>((resolve) => {
      void (async () => {
        for await (const status of producer.status()) {
          if (status.permissionContext && refused.push(status.permissionContext.subject) === 2) resolve();
        }
      })();
    });
    producer.publish("ostinato.other.assign", "{}");
    producer.publish("$KV.ostinato_leases.task.backup", "{}");
    await both;
    assert.equal(refused, ["ostinato.other.assign", "$KV.ostinato_leases.task.backup"]);
    await Promise.all([producer.close(), admin.close()]);
    const store = natsStore({ servers: url, user: "producer", pass: "pw-producer", inboxPrefix: "_INBOX.producer" });
    const error = await failure(exercise(store, "leases"));
    assert.match(
      error.message,
      /does not permit this user to publish to "\$JS\.API\.STREAM\.INFO\.KV_ostinato_leases"/,
    );
    await store.close();
  });
});

test.run();
