/** Real processes and real signals: what cannot be seen from inside the process that gets them. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { rejection } from "./support";

const script = resolve(__dirname, "../fixtures/main-process.ts");
const children = new Set<ChildProcessWithoutNullStreams>();

function service(...args: string[]) {
  const child = spawn(process.execPath, ["--conditions", "ostinato-source", "-r", "ts-node/register", script, ...args]);
  children.add(child);
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    stderr: () => errors,
    exitCode: () => closed,
    /** The next line on stdout. */
    async line(): Promise<string> {
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done) throw new Error(`the service ended: ${errors}`);
      return value;
    },
  };
}

async function answerOf(port: number): Promise<string> {
  const [response] = (await once(get({ host: "127.0.0.1", port, agent: false }), "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return body;
}

test.after(() => {
  for (const child of children) child.kill("SIGKILL");
});

test("SIGTERM with a request in flight: it completes, new connections are refused, exit 0", async () => {
  const { child, line, exitCode, stderr } = service("server");
  const port = Number((await line()).replace("port ", ""));
  const answer = answerOf(port);
  assert.is(await line(), "in flight");
  child.kill("SIGTERM");
  await once(child.stderr, "data");
  // One that the system had accepted before the port was closed is reset; none is answered.
  let code: string | undefined;
  while (code !== "ECONNREFUSED") ({ code } = (await rejection(answerOf(port))) as NodeJS.ErrnoException);
  child.stdin.write("answer\n");
  assert.is(await answer, "still here");
  assert.is(await line(), "main resolved 0");
  assert.is(await exitCode(), 0);
  assert.match(stderr(), /SIGTERM received/);
});

test("a second SIGTERM ends the process at once with 143, a SIGINT with 130", async () => {
  for (const [second, expected] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    const { child, line, exitCode } = service("deafForLong");
    assert.is(await line(), "ready");
    child.kill("SIGTERM");
    assert.is(await line(), "asked");
    child.kill(second);
    assert.is(await exitCode(), expected);
  }
});

test("a task that ignores its signal: exit at the deadline with 1, the task named on stderr", async () => {
  const { child, line, exitCode, stderr } = service("deaf");
  assert.is(await line(), "ready");
  child.kill("SIGTERM");
  assert.is(await line(), "asked");
  assert.is(await line(), "main resolved 1");
  assert.is(await exitCode(), 1);
  assert.match(stderr(), /deaf did not end within 200ms/);
});

test("a task that only waits for its signal keeps the process alive until then, and nothing does afterwards", async () => {
  const { child, line, exitCode, stderr } = service("waits");
  assert.is(await line(), "ready");
  child.kill("SIGINT");
  assert.is(await line(), "main resolved 0");
  assert.is(await exitCode(), 0);
  assert.match(stderr(), /SIGINT received/);
});

test("tasks that end by themselves leave nothing that keeps the process alive", async () => {
  const { line, exitCode, stderr } = service("ends");
  assert.is(await line(), "main resolved 0");
  assert.is(await exitCode(), 0);
  assert.is(stderr(), "");
});

test("an escalation ends the process with 1, and the report on stderr says what happened", async () => {
  const { exitCode, stderr } = service("escalates");
  assert.is(await exitCode(), 1);
  const line = stderr()
    .split("\n")
    .filter((text) => text.startsWith("{"))
    .map((text) => JSON.parse(text) as { msg: string; err?: { code?: string } })
    .find(({ err }) => err?.code === "ERR_RESTART_INTENSITY");
  assert.ok(line, stderr());
  for (const part of ["root", '"ingest"', '"orders"', "within 5s", "connection refused", "no route to the broker"]) {
    assert.ok(line.msg.includes(part), `${part} is missing in ${line.msg}`);
  }
});

test("after stop() nothing is left: no listener, and the process ends by itself, with either store", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ostinato-stops-"));
  for (const { line, exitCode } of [service("stops"), service("stops", folder)]) {
    assert.is(await line(), "ready");
    assert.is(await line(), "listeners 0");
    assert.is(await line(), "main resolved 0");
    assert.is(await exitCode(), 0);
  }
  await rm(folder, { recursive: true });
});

test.run();
