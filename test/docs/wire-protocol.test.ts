import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { connect, headers, type NatsConnection } from "nats";
import { createRuntime, errorCodes, natsStore, type DeadLetter, type Queue, type Runtime } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";

const page = readFileSync(join(__dirname, "../../docs/wire-protocol.md"), "utf8");
const maxPayload = 16_384;

let server: NatsServer;
let producer: NatsConnection;
let runtime: Runtime;
let queue: Queue;

test.before(async () => {
  server = await startNatsServer({ config: `max_payload: ${String(maxPayload)}` });
  producer = await connect({ servers: server.url });
  runtime = createRuntime({ store: natsStore({ servers: server.url }), logger: pino({ level: "silent" }) });
  queue = await runtime.queue({ name: "polls", partitions: 4, lease: "2s" });
});
test.after(async () => {
  await runtime.stop();
  await producer.close();
  await server.stop();
});

async function ask(kind: string, body: unknown): Promise<Record<string, unknown>> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const answer = await producer.request(`ostinato.polls.${kind}`, text, { timeout: 30_000 });
  return answer.json<Record<string, unknown>>();
}

/** Runs a script of the page, with the address of our server in place of its. */
function bash(script: string): Promise<string> {
  const here = script.replaceAll("/dev/tcp/127.0.0.1/4222", `/dev/tcp/127.0.0.1/${String(server.port)}`);
  assert.is.not(here, script);
  return new Promise((resolve, reject) => {
    execFile("bash", ["-c", here], (error, out, err) => {
      if (error !== null || err !== "") reject(new Error(err, { cause: error }));
      else resolve(out);
    });
  });
}

const examples = [...page.matchAll(/```bash\n([^]*?)```\s+```text\n([^]*?)```/g)].map(
  ([, script, printed]) => [script, printed] as [string, string],
);

/** The scripts are in the page in this order. */
const [publish, request] = examples;

test("the page has a script that publishes and one that asks, each with what it prints", () => {
  assert.is(examples.length, 2);
  assert.is([...page.matchAll(/```bash\n/g)].length, 2);
});

test("the script that publishes by a raw socket has its task assigned", async () => {
  const [script, printed] = publish ?? ["", ""];
  assert.is(await bash(script), printed);
  // Messages of one id are dealt with in order: this one finds what was published before it.
  const { result } = await ask("assign", { id: "user:2", payload: 0, at: 0 });
  assert.is(result, "updated");
  await queue.clear();
  await bash(script);
  await ask("remove", { id: "another" });
  let task = await queue.get("user:2");
  while (task === undefined) task = await queue.get("user:2");
  assert.equal(
    [task.payload, task.due.toISOString(), task.every],
    [{ url: "/2" }, "2031-01-31T09:00:00.000Z", 300_000],
  );
});

test("the script that asks by a raw socket gets the answers that the page shows", async () => {
  const [script, printed] = request ?? ["", ""];
  assert.is(await bash(script), printed);
});

test("the subjects and bodies that the page gives the nats command line are accepted", async () => {
  const lines = [...page.matchAll(/^nats (req|pub) ostinato\.polls\.(assign|remove) '([^']+)'/gm)];
  assert.is(lines.length, 4);
  const results: unknown[] = [];
  for (const [, , kind = "", body = ""] of lines) results.push((await ask(kind, body))["result"]);
  assert.equal(results, ["created", "created", "removed", "removed"]);
});

test("each code of the page is the answer to what the page says it is for, and a dead letter", async () => {
  const refused: [unknown, string][] = [
    ["no JSON", "ERR_INVALID_PAYLOAD"],
    [{ id: "a" }, "ERR_INVALID_PAYLOAD"],
    [`{"id":"a","payload":${"[".repeat(6_000)}${"]".repeat(6_000)}}`, "ERR_INVALID_PAYLOAD"],
    [[], "ERR_INVALID_OPTION"],
    [{ id: "a", payload: 1, evry: "1m" }, "ERR_INVALID_OPTION"],
    [{ id: "a", payload: 1, at: "2031-01-31T09:00:00" }, "ERR_INVALID_OPTION"],
    [{ id: "a", payload: 1, at: null }, "ERR_INVALID_OPTION"],
    [{ id: "a", payload: 1, every: "1m", cron: "* * * * *" }, "ERR_INVALID_OPTION"],
    [{ id: "a", payload: 1, timeZone: "UTC" }, "ERR_INVALID_OPTION"],
    [{ payload: 1 }, "ERR_INVALID_ID"],
    [{ id: 1, payload: 1 }, "ERR_INVALID_ID"],
    [{ id: "é".repeat(257), payload: 1 }, "ERR_INVALID_ID"],
    ['{"id":"\\ud800","payload":1}', "ERR_INVALID_ID"],
    [{ id: "a", payload: 1, every: "soon" }, "ERR_INVALID_DURATION"],
    [{ id: "a", payload: 1, every: 999 }, "ERR_INVALID_DURATION"],
    [{ id: "a", payload: 1, every: null }, "ERR_INVALID_DURATION"],
    [{ id: "a", payload: 1, cron: "61 * * * *" }, "ERR_INVALID_SCHEDULE"],
    [{ id: "a", payload: 1, cron: "0 0 30 2 *" }, "ERR_INVALID_SCHEDULE"],
    [{ id: "a", payload: 1, cron: "* * * * *", timeZone: "Mars/Olympus" }, "ERR_INVALID_TIME_ZONE"],
  ];
  const answered: unknown[] = [];
  for (const [body] of refused) {
    const { ok, code, message } = await ask("assign", body);
    assert.is(ok, false);
    assert.type(message, "string");
    answered.push(code);
  }
  assert.equal(
    answered,
    refused.map(([, code]) => code),
  );
  const named = [...page.matchAll(/^\| `(ERR_[A-Z_]+)`/gm)].map(([, code]) => code);
  assert.equal([...new Set(answered)].sort(), [...named].sort());
  assert.equal(
    [...page.matchAll(/ERR_[A-Z_]+/g)].map(([code]) => code).filter((code) => !(code in errorCodes)),
    [],
  );
  const letters: DeadLetter[] = [];
  for await (const letter of queue.deadLetters()) letters.push(letter);
  // And the one of the script that asks.
  assert.is(letters.length, refused.length + 1);
  assert.is(await queue.get("a"), undefined);
});

test("what the page allows is accepted: ids of 512 bytes, any payload, offsets, the past, the last of two equal fields", async () => {
  const last = await ask("assign", '{"id":"twice","payload":1,"payload":2,"at":4102444800000}');
  assert.is(last["result"], "created");
  assert.is((await queue.get("twice"))?.payload, 2);
  for (const [id, payload] of [
    ["é".repeat(256), null],
    ["a.b *.> /", ""],
    ["x", [1]],
  ] as const) {
    const at = "2031-01-31T10:00:00.250+01:00";
    assert.is((await ask("assign", { id, payload, at }))["result"], "created");
    const task = await queue.get(id);
    assert.equal([task?.payload, task?.due.toISOString()], [payload, "2031-01-31T09:00:00.250Z"]);
    assert.is((await ask("remove", { id }))["result"], "removed");
  }
  assert.is((await ask("assign", { id: "past", payload: 1, at: -1 }))["result"], "created");
  const daily = { id: "daily", payload: 1, cron: "0 9 * * *", timeZone: "UTC", at: "2031-01-31T09:00:00Z" };
  assert.is((await ask("assign", daily))["result"], "created");
  assert.is((await queue.get("daily"))?.due.toISOString(), "2031-01-31T09:00:00.000Z");
});

test("a task that the server would not store is refused, and what is published behind it is accepted", async () => {
  const bare = JSON.stringify({ id: "large", payload: "" }).length;
  const { ok, code } = await ask("assign", { id: "large", payload: "x".repeat(maxPayload - bare) });
  assert.equal([ok, code], [false, "ERR_INVALID_PAYLOAD"]);
  assert.is((await ask("assign", { id: "small", payload: "x" }))["result"], "created");
});

test("what is larger than max_payload is refused by the server, which closes the connection", async () => {
  const socket = createConnection(server.port, "127.0.0.1");
  let said = "";
  socket.on("data", (text: Buffer) => (said += text.toString()));
  socket.on("error", () => undefined);
  socket.write(`CONNECT {"verbose":false}\r\nPUB ostinato.polls.assign ${String(maxPayload + 1)}\r\n`);
  await once(socket, "close");
  assert.match(said, /\r\n-ERR 'Maximum Payload Violation'/);
});

test("a process that does not accept what is published makes the queue and not the stream", async () => {
  await runtime.queue({ name: "quiet", intake: false });
  const answer = await producer
    .request("ostinato.quiet.assign", '{"id":"a","payload":1}')
    .catch((error: unknown) => error as { code: string });
  assert.is((answer as { code: string }).code, "503");
});

test("headers of the client's own are ignored; with one of JetStream's the server drops the message and nobody answers", async () => {
  const request = (id: string, [name, value]: [string, string], timeout: number) => {
    const own = headers();
    own.set(name, value);
    const body = JSON.stringify({ id, payload: 1 });
    return producer.request("ostinato.polls.assign", body, { timeout, headers: own });
  };
  const answer = await request("traced", ["Trace", "1"], 30_000);
  assert.equal(answer.json(), { ok: true, result: "created" });
  const silence = await request("dropped", ["Nats-Expected-Last-Sequence", "1"], 500).catch((error: unknown) => error);
  assert.match(String(silence), /TIMEOUT/);
  assert.equal(await ask("remove", { id: "dropped" }), { ok: true, result: "absent" });
});

test.run();
