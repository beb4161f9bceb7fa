import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { connect } from "nats";
import pino from "pino";
import {
  createRuntime,
  interval,
  natsStore,
  type NatsExamination,
  OstinatoError,
  type OwnershipExamination,
} from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { doctorCommand } from "../../src/cli/doctor";
import { findingsOf, type Finding } from "../../src/cli/doctor-findings";
import { natsVersions, startNatsServer, type NatsServer, type NatsServerOptions } from "../helpers/nats-server";
import { freePort } from "../helpers/ports";
import { warningsDuring } from "../helpers/warnings";

/** Runs the command, and gives back what it printed and the exit code that it wants. */
async function run(...args: string[]): Promise<{ text: string; code: number }> {
  const program = new Command().exitOverride();
  doctorCommand(program);
  const print = console.log;
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  try {
    await program.parseAsync(["doctor", ...args], { from: "user" });
    return { text: lines.join("\n"), code: Number(process.exitCode ?? 0) };
  } finally {
    console.log = print;
    process.exitCode = 0;
  }
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => (error as OstinatoError).code as string,
  );

async function withServer(options: NatsServerOptions, use: (server: NatsServer) => Promise<void>): Promise<void> {
  const server = await startNatsServer(options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

const folder = mkdtempSync(join(tmpdir(), "ostinato-doctor-"));
test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("a server that is all right has no problem, and the examination leaves nothing behind", async () => {
  const monitor = await freePort();
  const config = `http: "127.0.0.1:${String(monitor)}"`;
  await withServer({ version: "2.15.1", config }, async ({ url }) => {
    const { text, code } = await run("--nats", url, "--monitor", `http://127.0.0.1:${String(monitor)}`);
    assert.is(code, 0, text);
    assert.match(text, /ok +nats-server 2\.15\.1 at nats:\/\/127\.0\.0\.1:\d+/);
    assert.match(text, /ok +client nats 2\./);
    assert.match(text, /note +replicas: 1/);
    assert.match(text, /WARNING +the server syncs its disk every 120 s[\s\S]*sync_interval: always/);
    assert.match(text, /note +KV_ostinato_leases does not exist yet/);
    assert.match(text, /ok +a conditional write takes [\d.]+ ms, at worst [\d.]+ ms; the lease is 15 s/);
    assert.match(text, /ok +this clock is [\d.]+ ms (behind|ahead of) the server's/);
    assert.match(text, /0 problems, 1 warning$/);
    const answer = await fetch(`http://127.0.0.1:${String(monitor)}/jsz`);
    assert.is(((await answer.json()) as { streams: number }).streams, 0);
  });
});

test("users that can read each other's answers are told, with what to grant; without users there is nothing to tell", async () => {
  const permit = (subjects: string) => `permissions { publish: [">"], subscribe: [${subjects}] }`;
  const config = `authorization { users: [
    { user: "all", password: "p" }
    { user: "own", password: "p", ${permit('"_INBOX_worker.>"')} }
    { user: "default", password: "p", ${permit('"_INBOX.>"')} }
  ] }`;
  await withServer({ config }, async ({ url }) => {
    const findings = async (name: string, ...prefix: string[]): Promise<string> => {
      const { text } = await run("--nats", url.replace("//", `//${name}:p@`), ...prefix);
      return text
        .split("\n")
        .filter((line) => /_INBOX/.test(line))
        .join("\n");
    };
    const own = ["--inbox-prefix", "_INBOX_worker"];
    assert.match(await findings("own", ...own), /^ok +answers to this user come to "_INBOX_worker\.>"$/);
    assert.match(
      await findings("all", ...own),
      /WARNING +this user may subscribe to "_INBOX\.>"[^]*→ grant subscribe to "_INBOX_worker\.>" only/,
    );
    assert.match(
      await findings("default"),
      /WARNING +answers to this user come to "_INBOX\.>"[^]*→ give natsStore\(\{ inboxPrefix/,
    );
  });
});

test("tasks that no live node has are listed, with how to forget them", async () => {
  await withServer({ version: "2.15.1" }, async ({ url }) => {
    const logger = pino({ level: "silent" });
    const task = { schedule: interval("1h"), run: () => undefined };
    const before = createRuntime({ logger, store: natsStore({ servers: url }) });
    for (const name of ["kept", "old report"]) before.spawn({ ...task, name });
    await before.start();
    for (const name of ["kept", "old report"]) await before.get(name)?.trigger();
    await before.stop();
    const nobody = await run("--nats", url);
    assert.match(nobody.text, /note +no node runs now that could have the 2 tasks of the store: kept, old report/);
    const after = createRuntime({ logger, store: natsStore({ servers: url }) });
    after.spawn({ ...task, name: "kept" });
    await after.start();
    let found = await run("--nats", url);
    while (found.text.includes("no node runs now")) found = await run("--nats", url);
    assert.match(found.text, /note +no live node has 1 task of the store: old report\s+→ ostinato forget NAME/);
    assert.is(found.code, 0, found.text);
    await after.stop();
  });
});

test("buckets that exist are looked at and tried; what is left of the trial is nothing", async () => {
  await withServer({}, async ({ url }) => {
    const store = natsStore({ servers: url, namespace: "shop" });
    for (const name of ["leases", "nodes"]) await store.map(name).create("task.t", "1");
    const { text, code } = await run("--nats", url, "--namespace", "shop", "--json");
    assert.is(code, 0);
    const findings = JSON.parse(text) as Finding[];
    const about = (what: RegExp) => findings.find((finding) => what.test(finding.what));
    assert.is(about(/KV_shop_leases: replicas 1, storage file, all of it permitted/)?.level, "ok");
    assert.is(about(/KV_shop_nodes/)?.level, "ok");
    const keys: string[] = [];
    for await (const { key } of store.map("leases").list("")) keys.push(key);
    assert.equal(keys, ["task.t"]);
    await store.close();
  });
});

test("a queue whose partitions have an owner is well; one that has none beside a live worker is a problem", async () => {
  await withServer({}, async ({ url }) => {
    const store = natsStore({ servers: url });
    const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
    await runtime.queue({ name: "mail", partitions: 2, run: () => undefined });
    await runtime.start();
    const well = await run("--nats", url);
    assert.match(well.text, /ok +queue "mail": 1 worker owns all of its 2 partitions/);
    assert.is(well.code, 0, well.text);
    await runtime.stop();
    const leases = natsStore({ servers: url });
    const idle = await run("--nats", url);
    assert.match(idle.text, /note +queue "mail": nobody executes it/);
    const record = { holder: "w", boot: "b", tenure: 1, lease: 10_000, acquired: 1, renewals: 0 };
    const member = { ...record, kind: "member", holds: { unserved: [0] } };
    await leases.map("leases").create("queue.mail.node.w", JSON.stringify(member));
    await leases.map("leases").create("queue.mail.p.0", JSON.stringify(record));
    const ill = await run("--nats", url);
    assert.is(ill.code, 1);
    assert.match(ill.text, /PROBLEM +queue "mail": 1 of 2 partitions have no owner: 1/);
    assert.match(ill.text, /PROBLEM +queue "mail": 1 of 2 partitions have an owner that cannot serve them: 0/);
    await leases.close();
  });
});

test("a bucket with settings that break the promises is a problem, and so are replicas that nobody can keep", async () => {
  await withServer({ version: "2.15.1" }, async ({ url }) => {
    const store = natsStore({ servers: url });
    await store.map("leases").create("k", "");
    await store.close();
    const { text, code } = await run("--nats", url, "--replicas", "3");
    assert.is(code, 1);
    assert.match(text, /PROBLEM +bucket KV_ostinato_leases: num_replicas is 1, but must be at least 3/);
    assert.match(text, /PROBLEM +KV_ostinato_doctor: .*replicas/);
  });
});

test("what is unwise about a server is told once, with what to do", async () => {
  await withServer({ version: "2.10.27" }, async ({ url }) => {
    const warnings = await warningsDuring(async () => {
      const { text } = await run("--nats", url, "--replicas", "3");
      assert.match(
        text,
        /WARNING +nats-server 2\.10\.27 .*peers hear nothing[^;\n]*\n +→ upgrade to 2\.11\.0 or newer/,
      );
    });
    assert.is(warnings, "");
  });
});

test("missing permissions are named, with the bucket that they are missing on", async () => {
  const config = `authorization { users: [
    { user: "admin", password: "pw" }
    { user: "worker", password: "pw", permissions: { publish: ["$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>"], subscribe: ["_INBOX.>"] } }
  ] }`;
  await withServer({ config }, async ({ url }) => {
    const admin = natsStore({ servers: url, user: "admin", pass: "pw" });
    await admin.map("leases").create("k", "");
    await admin.close();
    const { text, code } = await run("--nats", url.replace("//", "//worker:pw@"));
    assert.is(code, 1);
    assert.match(
      text,
      /PROBLEM +KV_ostinato_leases: .* not permit this user to publish to "\$KV\.ostinato_leases\.doctor\./,
    );
    assert.match(text, /PROBLEM +this user may not make streams, and KV_ostinato_nodes must be made/);
    assert.match(text, /→ grant publish to "\$JS\.API\.STREAM\.CREATE\.KV_ostinato_nodes"/);
    assert.not.ok(text.includes("pw@"));
  });
});

for (const version of natsVersions) {
  test(`${version}: the queues of the namespace are looked at, or those that are named, and nothing of them is touched`, async () => {
    await withServer({ version }, async ({ url }) => {
      const runtime = createRuntime({ store: natsStore({ servers: url }), logger: pino({ level: "silent" }) });
      const queue = await runtime.queue({ name: "polls" });
      await queue.assign({ id: "1", payload: 1, at: Date.parse("2999-01-01T00:00:00Z") });
      for await (const letter of queue.deadLetters()) assert.unreachable(letter.key);
      await queue.stopAccepting();
      const producer = await connect({ servers: url });
      producer.publish("ostinato.polls.assign", '{"id":"2","payload":2,"at":4102444800000}');
      await producer.flush();

      const found = await run("--nats", url);
      assert.is(found.code, 0, found.text);
      for (const name of ["KV_ostinato_tasks-polls", "KV_ostinato_dead-polls", "ostinato_polls_intake"]) {
        assert.match(found.text, new RegExp(`ok +${name}: replicas 1, storage file, all of it permitted`));
      }
      const named = await run("--nats", url, "--queue", "prices", "--queue", "mails");
      assert.not.match(named.text, /polls/);
      assert.match(
        named.text,
        /note +KV_ostinato_tasks-prices does not exist yet[\s\S]*note +ostinato_mails_intake does/,
      );

      await queue.startAccepting();
      while ((await queue.get("2")) === undefined);
      assert.is(await queue.size(), 2);
      for await (const letter of queue.deadLetters()) assert.unreachable(letter.key);
      await runtime.stop();
      const { streams } = await (await producer.jetstreamManager()).getAccountInfo();
      // Of the queue, with leases and nodes: none has been made for the others.
      assert.is(streams, 4);
      await producer.close();
    });
  });
}

test("what is not permitted on the intake of a queue is named", async () => {
  const config = `authorization { users: [
    { user: "admin", password: "pw" }
    { user: "worker", password: "pw", permissions: {
      publish: { deny: ["$JS.API.CONSUMER.MSG.NEXT.ostinato_polls_intake.>"] }
      subscribe: { deny: ["ostinato.polls.remove"] }
    } }
    { user: "keeper", password: "pw", permissions: { publish: { deny: ["$JS.API.STREAM.PURGE.>"] } } }
  ] }`;
  await withServer({ config }, async ({ url }) => {
    const admin = natsStore({ servers: url, user: "admin", pass: "pw" });
    const runtime = createRuntime({ store: admin, logger: pino({ level: "silent" }) });
    await runtime.queue({ name: "polls" });
    await runtime.stop();
    const { text, code } = await run("--nats", url.replace("//", "//worker:pw@"));
    assert.is(code, 1);
    assert.match(
      text,
      /PROBLEM +ostinato_polls_intake: .* not permit this user to .*subscribe to "ostinato\.polls\.remove"/,
    );
    assert.match(
      text,
      /PROBLEM +ostinato_polls_intake: .*publish to "\$JS\.API\.CONSUMER\.MSG\.NEXT\.ostinato_polls_intake\./,
    );
    const keeper = await run("--nats", url.replace("//", "//keeper:pw@"), "--queue", "polls");
    assert.match(
      keeper.text,
      /PROBLEM +ostinato_polls_intake: .*publish to "\$JS\.API\.STREAM\.PURGE\.ostinato_polls_intake"/,
    );
    assert.is(await codeOf(run("--nats", url, "--queue", "a.b")), "ERR_INVALID_OPTION");
  });
});

test("a server that is not there, or refuses the credentials, is a problem and not a crash", async () => {
  const nobody = `nats://127.0.0.1:${String(await freePort())}`;
  const absent = await run("--nats", nobody);
  assert.is(absent.code, 1);
  assert.match(absent.text, /PROBLEM +nats .* cannot connect/);
  await withServer({ config: 'authorization { token: "right" }' }, async ({ url }) => {
    const refused = await run("--nats", url.replace("//", "//wrong@"));
    assert.is(refused.code, 1);
    assert.match(refused.text, /PROBLEM +.*refused these credentials/);
    const half = await run("--nats", `${url.replace("//", "//right@")},${nobody}`);
    assert.match(half.text, /PROBLEM +.*cannot connect[\s\S]*leave it out/);
  });
});

test("tasks that crowd one second are counted, in whichever file they are", async () => {
  const spawn = (name: string) =>
    `runtime.spawn({ name: "${name}", schedule: daily({ hour: 3 }), run: () => undefined });`;
  const imports = 'import { daily, type Runtime } from "ostinato";\nexport default (runtime: Runtime) => {';
  const files = [["a", "b", "c"], ["d"]].map((names, index) => {
    const file = join(folder, `crowd${String(index)}.ts`);
    writeFileSync(file, `${imports}\n${names.map(spawn).join("\n")}\n};\n`);
    return file;
  });
  await withServer({}, async ({ url }) => {
    const { text, code } = await run("--nats", url, ...files);
    assert.is(code, 0, text);
    assert.match(text, /note +4 tasks start within the same second: a, b, c, d\n +→ give them spread: "\d+s"/);
  });
});

test("a lease that is no lease, and a file that is no tasks file, are refused", async () => {
  const wrong = join(folder, "wrong.cjs");
  writeFileSync(wrong, "module.exports = 1;");
  assert.is(await codeOf(run("--nats", "n", join(folder, "none.ts"))), "ERR_MODULE");
  assert.is(await codeOf(run(wrong, "--nats", "n")), "ERR_MODULE");
  assert.is(await codeOf(run("--nats", "n", "--creds", join(folder, "none"))), "ERR_USAGE");
});

const fine: NatsExamination = {
  clientVersion: "2.29.3",
  asked: { replicas: 1, storage: "file" },
  servers: [{ address: "n1:4222", version: "2.15.1" }],
  buckets: [{ name: "KV_x_leases", replicas: 1, storage: "file" }],
  queues: [{ queue: "q", partitions: 4, workers: 2, unowned: [], silent: [], unserved: [] }],
  writes: [1, 2, 3],
  trial: { bucket: "KV_x_doctor" },
  clock: { aheadBy: 3, within: 1 },
  syncEvery: 0,
};

function levels(examination: Partial<NatsExamination>, wanted: RegExp, lease = 15_000): string[] {
  const findings = findingsOf({ ...fine, ...examination }, { lease });
  return findings.filter(({ what }) => wanted.test(what)).map(({ level }) => level);
}

test("what was found is judged by what it does to the promises", () => {
  const denied = new OstinatoError("ERR_STORE_PERMISSION", "denied");
  assert.equal(levels({ asked: { replicas: 1, storage: "memory" } }, /memory/), ["warning"]);
  assert.equal(levels({ asked: { replicas: 3, storage: "file" } }, /replicas: 3/), ["ok"]);
  const inCluster = [{ address: "n1:4222", version: "2.15.1", cluster: "c" }];
  assert.equal(levels({ servers: inCluster }, /replicas: 1/), ["warning"]);
  const mixed = [...inCluster, { address: "n2:4222", version: "2.10.27", cluster: "c" }];
  assert.equal(levels({ servers: mixed }, /different versions: 2\.15\.1, 2\.10\.27/), ["warning"]);
  const unwise = [{ address: "n1", version: "2.10.21", warning: { what: "can lose a stream", advice: "upgrade" } }];
  assert.equal(levels({ servers: unwise }, /can lose/), ["warning"]);
  assert.equal(levels({}, /keep every write/), ["ok"]);
  assert.equal(levels({ buckets: [{ name: "KV_x_leases", replicas: 3, storage: "file" }] }, /replicas 3/), ["note"]);
  assert.equal(levels({ trial: { bucket: "b", error: denied } }, /may not make streams, and all/), ["ok"]);
  assert.equal(levels({ writes: [] }, /not be measured/), ["note"]);
  assert.equal(levels({ writes: [10, 20, 90] }, /conditional write/, 3_000), ["warning"]);
  assert.equal(levels({ writes: [10, 20, 300] }, /conditional write/, 3_000), ["problem"]);
  assert.equal(levels({ clock: { aheadBy: -1_500, within: 2 } }, /1500 ms behind/), ["warning"]);
  assert.equal(levels({ clock: { aheadBy: 900, within: 2 } }, /900 ms ahead/), ["ok"]);
  const [queue] = fine.queues as [OwnershipExamination];
  assert.equal(levels({}, /queue "q": 2 workers own all of its 4 partitions/), ["ok"]);
  assert.equal(levels({ queues: [{ ...queue, workers: 0, unowned: [0, 1] }] }, /queue "q": nobody executes it/), [
    "note",
  ]);
  assert.equal(levels({ queues: [{ ...queue, unowned: [3] }] }, /1 of 4 partitions have no owner: 3/), ["problem"]);
  const silent = [{ partition: 2, owner: "w", forMs: 31_000 }];
  assert.equal(levels({ queues: [{ ...queue, silent }] }, /not renewed its lease for 31000 ms: 2/), ["problem"]);
  assert.equal(levels({ queues: [{ ...queue, unserved: [1] }] }, /cannot serve them: 1/), ["problem"]);
  assert.equal(levels({ monitorError: new Error("refused") }, /monitoring port/), ["warning"]);
});

test.run();
