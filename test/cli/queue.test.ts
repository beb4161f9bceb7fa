import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createRuntime, discard, fileStore, natsStore, type AssignedTask, type Store } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exactly } from "../../src/cli/columns";
import { ProgressBar } from "../../src/cli/progress-bar";
import { buildCommand } from "../helpers/built-command";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";

const built = buildCommand();
const logger = pino({ level: "silent" });
const folder = mkdtempSync(join(tmpdir(), "ostinato-queue-"));
let server: NatsServer;
const running = new Set<ChildProcessWithoutNullStreams>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Where the queues of one kind of store are, for the command line and for the test itself. */
interface Place {
  readonly name: string;
  readonly address: () => string;
  readonly open: () => Store;
}

const path = join(folder, "state");
const places: readonly Place[] = [
  { name: "a file", address: () => `file:${path}`, open: () => fileStore({ path }) },
  { name: "NATS", address: () => server.url, open: () => natsStore({ servers: server.url }) },
];

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [built, ...args]);
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Runs the command to its end, with this as its standard input. */
async function ostinato(args: readonly string[], input = ""): Promise<Ended> {
  const child = start(args);
  // It may end without having read all.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number | null, out, err };
}

const lines = (printed: string): string[] => printed.split("\n").filter((line) => line !== "");
const idsOf = (printed: string): string[] =>
  lines(printed)
    .map((line) => (JSON.parse(line) as { id: string }).id)
    .sort();

async function tasksIn(store: Store, name: string): Promise<Map<string, AssignedTask>> {
  const runtime = createRuntime({ store, logger });
  const queue = await runtime.queue({ name, create: false });
  const tasks = new Map<string, AssignedTask>();
  for await (const task of queue.list()) tasks.set(task.id, task);
  await runtime.stop();
  return tasks;
}

test.before(async () => {
  server = await startNatsServer();
});
test.after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const mixed = `\uFEFF{"id":"user:1","payload":{"n":1},"every":"60s"}
nonsense
{"id":"user:2","payload":null,"at":"2031-01-01T00:00:00+01:00"}\r

{"id":"","payload":1}
{"id":"digest","payload":"ü","cron":"0 9 * * *","timeZone":"Europe/Paris"}
{"id":"x","payload":1,"every":"soon"}
{"id":"x","payload":1,"at":"2031-02-29"}
{"id":"x","payload":1,"evry":"1s"}
{"id":"x"}
["x"]
{"id":"user:1","payload":{"n":2},"every":"90s"}`;

for (const { name, address, open } of places) {
  test(`on ${name} tasks are assigned from lines, each refused line is told, and what is listed can be assigned`, async () => {
    const on = (queue: string): string[] => ["--queue", queue, "--store", address()];
    const assigned = await ostinato(["assign", ...on("polls")], mixed);
    assert.is(assigned.code, 1);
    assert.is(assigned.out, "");
    assert.not.match(assigned.err, "\r");
    const told = lines(assigned.err);
    assert.is(told.pop(), "polls: 3 created, 1 updated, 7 rejected");
    const codes = told.map((line) => /^line (\d+): (ERR_\w+): ./.exec(line)?.slice(1));
    assert.equal(
      codes.sort((a, b) => Number(a?.[0]) - Number(b?.[0])),
      [
        ["2", "ERR_INVALID_PAYLOAD"],
        ["5", "ERR_INVALID_ID"],
        ["7", "ERR_INVALID_DURATION"],
        ["8", "ERR_INVALID_OPTION"],
        ["9", "ERR_INVALID_OPTION"],
        ["10", "ERR_INVALID_PAYLOAD"],
        ["11", "ERR_INVALID_OPTION"],
      ],
    );

    const [all, some, missing] = await Promise.all([
      ostinato(["list", ...on("polls")]),
      ostinato(["list", ...on("polls"), "--prefix", "user:"]),
      ostinato(["list", ...on("nothing")]),
    ]);
    assert.equal(idsOf(all.out), ["digest", "user:1", "user:2"]);
    assert.equal(idsOf(some.out), ["user:1", "user:2"]);
    assert.is(missing.code, 1);
    assert.match(missing.err, /^error: ERR_UNKNOWN_QUEUE: [^\n]+\n$/);

    const again = await ostinato(["assign", ...on("copy"), "--json"], all.out);
    assert.equal([again.code, again.err], [0, ""]);
    assert.equal(JSON.parse(again.out), { created: 3, updated: 0, rejected: 0 });
    const [original, copy] = [await tasksIn(open(), "polls"), await tasksIn(open(), "copy")];
    assert.equal(copy, original);
    assert.equal(copy.get("user:1")?.payload, { n: 2 });
    assert.is(copy.get("user:1")?.every, 90_000);
    assert.equal(copy.get("user:2")?.due, new Date("2030-12-31T23:00:00Z"));
    assert.is(copy.get("digest")?.timeZone, "Europe/Paris");

    const [byId, byLines] = [
      await ostinato(["remove", ...on("copy"), "user:2", "nobody"]),
      await ostinato(["remove", ...on("polls"), "-"], `${some.out}digest\n{"id":7}\n`),
    ];
    assert.is(byId.code, 1);
    assert.is(byId.err, 'there is no task "nobody"\ncopy: 1 removed, 1 not there, 0 rejected\n');
    assert.is(byLines.code, 1);
    assert.match(byLines.err, /^line 4: ERR_INVALID_ID: .+\npolls: 3 removed, 0 not there, 1 rejected\n$/);
    assert.equal([...(await tasksIn(open(), "copy")).keys()].sort(), ["digest", "user:1"]);
    assert.is((await tasksIn(open(), "polls")).size, 0);
  });

  test(`on ${name} the workers of a queue are shown, and its dead letters are listed, retried and removed`, async () => {
    const on = ["--queue", "mail", "--store", address()];
    const runtime = createRuntime({ store: open(), logger });
    let broken = true;
    const delivered: unknown[] = [];
    let two = (): void => undefined;
    const deliveredTwo = new Promise<void>((resolve) => (two = resolve));
    const queue = await runtime.queue({
      name: "mail",
      partitions: 4,
      run: (payload) => {
        if (broken) throw discard(new Error("no such\nmailbox"));
        if (delivered.push(payload) === 2) two();
      },
    });
    const given: (string | undefined)[] = [];
    let heard = (): void => undefined;
    const three = new Promise<void>((resolve) => (heard = resolve));
    queue.events.subscribe((event) => {
      if (event.type === "deadLetter" && given.push(event.id) === 3) heard();
    });
    await runtime.start();
    await queue.assign({ id: "later", payload: 0, at: new Date("2031-01-01T00:00:00Z") });
    const assigned = await ostinato(
      ["assign", ...on],
      ["a", "b", "c"].map((id) => `{"id":"${id}","payload":"${id}"}\n`).join(""),
    );
    assert.is(assigned.code, 0, assigned.err);
    await three;

    const [shown, raw, letters] = await Promise.all([
      ostinato(["status", ...on]),
      ostinato(["status", ...on, "--json"]),
      ostinato(["dead-letters", ...on]),
    ]);
    assert.is(shown.code, 0, shown.err);
    assert.match(shown.out, /^mail: \d+ waiting, .* 3 dead letters\n4 partitions, 0 without owner\n/);
    assert.match(shown.out, new RegExp(`^${runtime.nodeId}\\S* .* 4 `, "m"));
    const { unowned, workers } = JSON.parse(raw.out) as {
      unowned: number[];
      workers: { pid: number; partitions: number[] }[];
    };
    assert.equal(
      [unowned, workers.map(({ pid, partitions }) => [pid, partitions])],
      [[], [[process.pid, [0, 1, 2, 3]]]],
    );
    const keys = new Map<string, string>();
    for (const line of lines(letters.out)) {
      const { id, key, error, reason } = JSON.parse(line) as Record<"id" | "key" | "error" | "reason", string>;
      assert.equal([error, reason], ["no such\nmailbox", "discarded"]);
      keys.set(id, key);
    }
    assert.equal([...keys.keys()].sort(), ["a", "b", "c"]);

    broken = false;
    const key = (id: string): string => keys.get(id) ?? "";
    const removed = await ostinato(["dead-letters", ...on, "--remove", key("a"), "nobody"]);
    assert.is(removed.code, 1);
    assert.match(removed.err, /^nobody: ERR_UNKNOWN_TASK: .+\nmail: 1 removed, 1 rejected\n$/);
    const one = await ostinato(["dead-letters", ...on, "--retry", key("b"), "--json"]);
    assert.equal([one.code, JSON.parse(one.out)], [0, { retried: 1, rejected: 0 }]);
    const rest = await ostinato(["dead-letters", ...on, "--retry-all"]);
    assert.equal([rest.code, rest.err], [0, "mail: 1 retried, 0 rejected\n"]);
    assert.is((await ostinato(["dead-letters", ...on])).out, "");
    await deliveredTwo;
    assert.equal(delivered.sort(), ["b", "c"]);
    await runtime.stop();
    const alone = await ostinato(["status", ...on]);
    assert.is(alone.code, 1);
    assert.match(alone.out, /4 partitions, 4 without owner/);
  });
}

test("files are assigned one after the other, a task by flags, and nothing from an empty input", async () => {
  const on = ["--queue", "files", "--store", `file:${join(folder, "files")}`];
  const [one, two] = [join(folder, "one.jsonl"), join(folder, "two.jsonl")];
  writeFileSync(one, '{"id":"1","payload":1}\n{"id":"2","payload":1}');
  writeFileSync(two, '\n{"id":3}\n');
  const both = await ostinato(["assign", ...on, one, two, "--json"]);
  assert.equal([both.code, JSON.parse(both.out)], [1, { created: 2, updated: 0, rejected: 1 }]);
  assert.match(both.err, new RegExp(`^${two}:2: ERR_INVALID_ID: [^\\n]+\\n$`));
  const flags = ["--id", "4", "--payload", '{"x":1}', "--cron", "0 9 * * *", "--zone", "Europe/Paris"];
  const byFlags = await ostinato(["assign", ...on, ...flags]);
  assert.equal([byFlags.code, byFlags.err], [0, "files: 1 created, 0 updated, 0 rejected\n"]);
  const nothing = await ostinato(["assign", ...on]);
  assert.equal([nothing.code, nothing.err], [0, "files: 0 created, 0 updated, 0 rejected\n"]);
});

test("wrong usage is told in a line and ends with 2, a store that is not there with 1", async () => {
  const file = ["--store", `file:${join(folder, "usage")}`];
  const on = ["--queue", "q", ...file];
  const wrong = await Promise.all([
    ostinato(["assign", ...on, join(folder, "missing.jsonl")]),
    ostinato(["assign", ...on, folder]),
    ostinato(["assign", ...on, "--payload", "1"]),
    ostinato(["assign", ...on, "--id", "1", "--payload", "{"]),
    ostinato(["list", "--queue", "a b", ...file]),
    ostinato(["status", "--queue", "q", "--url", "http://127.0.0.1:1"]),
  ]);
  for (const { code, err } of wrong) assert.equal([code, /^error: [^\n]+\n$/.test(err)], [2, true], err);
  const gone = await ostinato(["assign", "--queue", "q", "--store", "nats://127.0.0.1:1"], '{"id":"1","payload":1}\n');
  assert.is(gone.code, 1);
  assert.match(gone.err, /^error: ERR_STORE_UNAVAILABLE: [^\n]+\n$/);
});

test("100,000 lines are assigned with nothing lost, and a list ends quietly when its reader goes", async () => {
  const on = ["--queue", "many", "--store", `file:${join(folder, "many")}`];
  const many = Array.from({ length: 100_000 }, (_, n) => `{"id":"${n}","payload":${n},"every":"1h"}\n`).join("");
  const assigned = await ostinato(["assign", ...on], many);
  assert.equal([assigned.code, assigned.err], [0, "many: 100000 created, 0 updated, 0 rejected\n"]);
  const list = start(["list", ...on]);
  await once(list.stdout, "data");
  list.stdout.destroy();
  const [err, [code]] = await Promise.all([text(list.stderr), once(list, "exit")]);
  assert.equal([code, err], [0, ""]);
});

test("a bar is drawn on a terminal, never wider than it, and nowhere else", () => {
  const written: string[] = [];
  const terminal = { isTTY: true, columns: 31, write: (text: string) => written.push(text) };
  const bar = new ProgressBar(terminal);
  bar.show(500, 0.5);
  bar.show(501, 0.5);
  bar.clear();
  bar.clear();
  assert.is(written.length, 2);
  assert.match(written[0] ?? "", /^\r\[#{12}-{12}\]  50\u001b\[K$/);
  assert.is(written[1], "\r\u001b[K");
  const pipe = new ProgressBar({ write: (text) => written.push(text) });
  pipe.show(500, 0.5);
  pipe.clear();
  assert.is(written.length, 2);
});

test("a repetition is shown exactly, in the largest unit that it is a whole number of", () => {
  const shown = [90_000, 60_000, 86_400_000, 5_400_000, 1_500, 172_800_000].map(exactly);
  assert.equal(shown, ["90s", "1m", "1d", "90m", "1500ms", "2d"]);
});

test.run();
