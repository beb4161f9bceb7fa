import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { createRuntime, natsStore } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Poll } from "../../examples/06-price-poller";
import { buildCommand } from "../helpers/built-command";
import { startCommand } from "../helpers/command";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";

const root = join(__dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "ostinato-prices-"));
let server: NatsServer;

test.before(async () => {
  server = await startNatsServer();
});
test.after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the shell script to its end. */
function producer(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; out: string; err: string }> {
  const script = join(root, "examples/06-producer.sh");
  const about = { ...process.env, NATS: `127.0.0.1:${server.port}`, SYMBOLS: "1200", SECONDS_BETWEEN: "2", ...env };
  return new Promise((resolve) => {
    execFile("sh", [script, ...args], { env: about }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test("the shell script publishes a task a symbol by a socket, and says so when nobody keeps them", async () => {
  const nobody = await producer([]);
  assert.is(nobody.code, 1);
  assert.match(nobody.err, /^nobody keeps what is published: start a worker first\n/);
  const connection = await connect({ servers: server.url });
  const heard: unknown[] = [];
  connection.subscribe("ostinato.prices.assign", { callback: (_error, message) => heard.push(message.json()) });
  await connection.flush();
  const { code, err } = await producer([], { SYMBOLS: "5000" });
  assert.is(code, 0, err);
  assert.is(err, `5000 tasks published to ostinato.prices.assign at nats://127.0.0.1:${server.port}\n`);
  // The server has read all before the script ends, and answers this after it has passed all on.
  await connection.flush();
  assert.is(heard.length, 5_000);
  assert.is(new Set(heard.map((task) => (task as { id: string }).id)).size, 5_000);
  await connection.close();
  assert.is((await producer([], { NATS: "127.0.0.1:1" })).code, 1);
});

test("the shell script gives its lines to the nats command line where there is one", async () => {
  const [command, words, given] = [join(folder, "nats"), join(folder, "words"), join(folder, "given")];
  const body = `case "$*" in "pub --help") echo "  --send-on=eof" ;; *) echo "$*" > ${words}; cat > ${given} ;; esac`;
  writeFileSync(command, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const { code, err } = await producer([], { PATH: `${folder}:${process.env["PATH"] ?? ""}`, SYMBOLS: "3" });
  assert.is(code, 0, err);
  const address = `nats://127.0.0.1:${server.port}`;
  assert.is(
    readFileSync(words, "utf8"),
    `--server ${address} pub ostinato.prices.assign --force-stdin --send-on newline --quiet\n`,
  );
  assert.match(readFileSync(given, "utf8"), /^(\{"id":"price:SYM0000\d",[^\n]*,"every":"2s"\}\n){3}$/);
});

test("with ANSWERS the shell script waits until the queue has accepted every task, and copies make no more of them", async () => {
  const runtime = createRuntime({ store: natsStore({ servers: server.url }), logger: pino({ level: "silent" }) });
  const queue = await runtime.queue<Poll>({ name: "prices" });
  for (const round of [1, 2]) {
    const { code, err } = await producer([], { ANSWERS: "1", SYMBOLS: "700", SECONDS_BETWEEN: "3600" });
    assert.is(code, 0, `${err} in round ${round}`);
    assert.match(err, /^700 tasks published to ostinato\.prices\.assign at .*, and all accepted\n$/);
    assert.is(await queue.size(), 700);
  }
  await queue.clear();
  const refused = await producer([], { ANSWERS: "1", SYMBOLS: "2", SECONDS_BETWEEN: "0" });
  assert.is(refused.code, 1);
  assert.match(refused.err, /the queue refuses a task: .*ERR_INVALID_DURATION/);
  for await (const { key } of queue.deadLetters()) await queue.removeDeadLetter(key);
  await runtime.stop();
});

test("three workers share the symbols; one is killed, and the other two go on with all of them", async () => {
  const built = buildCommand();
  const args = ["run", join(root, "examples/06-price-poller.ts"), "--store", server.url];
  const workers = [1, 2, 3].map(() => startCommand(args, { built }));
  await Promise.all(workers.map((worker) => worker.until(/Ctrl-C ends it/)));
  const runtime = createRuntime({ store: natsStore({ servers: server.url }), logger: pino({ level: "silent" }) });
  const queue = await runtime.queue<Poll>({ name: "prices" });
  const lookUntil = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise((look) => setTimeout(look, 100));
  };
  /** All partitions are owned, by so many workers in equal parts. */
  const sharedBy = (count: number) => (): boolean => {
    const shares = queue.workers().flatMap(({ partitions }) => (partitions.length === 0 ? [] : [partitions.length]));
    const sum = shares.reduce((all, each) => all + each, 0);
    return sum === queue.owners().length && shares.length === count && Math.max(...shares) - Math.min(...shares) <= 1;
  };
  const fetchedSince = (instant: number) => async (): Promise<boolean> => {
    let behind = 0;
    for await (const { due } of queue.list()) behind += Number(due.getTime() <= instant + 2_000);
    return behind === 0;
  };

  await lookUntil(sharedBy(3));
  const { code, err } = await producer([]);
  assert.is(code, 0, err);
  await lookUntil(async () => (await queue.size()) === 1_200);
  await lookUntil(fetchedSince(Date.now()));
  const [killed, ...others] = workers;
  killed?.signal("SIGKILL");
  await killed?.exit;
  await lookUntil(sharedBy(2));
  await lookUntil(fetchedSince(Date.now()));
  assert.is(await queue.size(), 1_200);
  const unknown = new Set<string | undefined>();
  for await (const { id, reason } of queue.deadLetters()) unknown.add(`${String(id)} ${reason}`);
  assert.equal([...unknown], ["price:SYM01000 discarded"]);

  await runtime.stop();
  for (const worker of others) worker.signal("SIGTERM");
  assert.equal(await Promise.all(others.map(({ exit }) => exit)), [0, 0]);
});

test.run();
