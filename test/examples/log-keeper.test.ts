import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { gunzipSync, gzipSync } from "node:zlib";
import { buildCommand } from "../helpers/built-command";
import { startCommand, type Command } from "../helpers/command";

const examples = join(__dirname, "../../examples");
const built = buildCommand();
const folder = mkdtempSync(join(tmpdir(), "ostinato-examples-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Line {
  event?: string;
  task?: string;
  nextRun?: string;
  scheduledAt?: string;
  msg: string;
}
const lines = (command: Command): Line[] =>
  command
    .stdout()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

async function end(command: Command): Promise<void> {
  command.signal("SIGINT");
  assert.is(await command.exit, 0);
}

test("the first example runs a task by elapsed time and one by the calendar", async () => {
  const command = startCommand(["run", join(examples, "01-first-task.ts")], { built });
  await command.until(/"task":"greet".*"msg":"hello"/);
  await command.until(/"task":"tidy".*"msg":"tidied up"/);
  await end(command);
});

test("the log keeper works within 60 s, is killed, and goes on without running what was not due", async () => {
  const cwd = join(folder, "main");
  mkdirSync(cwd);
  const logs = join(cwd, "data/log-keeper/logs");
  const args = ["run", join(examples, "02-log-keeper.ts"), "--store", "file:data/log-keeper/state"];
  const first = startCommand(args, { cwd, built });
  await first.until(/compressed access\.log\.\S+: \d+ bytes are \d+ now/);
  await first.until(/checksums: 0 files verified, 1 added/);
  await first.until(/"task":"checksums","nextRun"/);
  await first.until(/visited http:\S+: 200/);
  const due = lines(first).findLast(({ event, task }) => event === "ALIVE" && task === "rotate")?.nextRun;
  first.signal("SIGKILL");
  await first.exit;

  const second = startCommand(args, { cwd, built });
  for (const task of ["rotate", "checksums", "prune"]) await second.until(new RegExp(`"task":"${task}","nextRun"`));
  await second.until(/visited http:\S+: 200/);
  const again = lines(second);
  assert.equal(
    again.filter(({ event, task }) => event === "START" && task !== "web" && task !== "visitor"),
    [],
  );
  const then = again.find(({ event, task }) => event === "ALIVE" && task === "rotate")?.nextRun;
  // What repeats by elapsed time is told in time of the wall, which each process rounds for itself.
  assert.ok(
    Math.abs(Date.parse(String(then)) - Date.parse(String(due))) <= 2,
    `${String(then)} instead of ${String(due)}`,
  );
  await end(second);

  const [compressed] = readdirSync(logs).filter((name) => name.endsWith(".gz"));
  assert.match(gunzipSync(readFileSync(join(logs, compressed!))).toString(), /started\n$/);
  assert.match(readFileSync(join(logs, "access.log"), "utf8"), /started\n.*GET \/ 200\n/);
});

test("in a folder of one's own it finishes what was cut short, reports what is corrupt and prunes what is old", async () => {
  const logs = join(folder, "own");
  mkdirSync(logs);
  const put = (name: string, content: string | Buffer, ageDays: number) => {
    writeFileSync(join(logs, name), content);
    const time = (Date.now() - ageDays * 86_400_000) / 1000;
    utimesSync(join(logs, name), time, time);
  };
  put("a.log", "still written by its program\n", 1);
  put("a.log.1", "cut short while being compressed\n", 1);
  put("a.log.1.gz.tmp", "half", 1);
  put("a.log.2", "cut short before it was deleted\n", 2);
  put("a.log.2.gz", gzipSync("cut short before it was deleted\n"), 2);
  put("a.log.3.gz", gzipSync("old\n"), 15);
  put("a.log.4.gz", "damaged", 3);
  put("a.log.5", "fresh\n", 0);
  put("b.txt", "none of its business\n", 100);
  const expected = createHash("sha256").update("whole").digest("hex");
  put("SHA256SUMS", `${expected}  a.log.4.gz\n`, 3);

  const command = startCommand(["run", join(examples, "02-log-keeper.ts")], { env: { LOG_FOLDER: logs }, built });
  await command.until(/"event":"FINISHED","task":"rotate"/);
  await command.until(/pruned 1 files/);
  await command.until(/"event":"FAILED","task":"checksums".*corrupt: a\.log\.4\.gz;.*"retryAt"/);
  rmSync(join(logs, "a.log.4.gz"));
  await command.until(/"event":"START","task":"checksums".*"attempt":2/);
  await command.until(/checksums: 2 files verified, 0 added/);
  await end(command);

  assert.equal(readdirSync(logs).sort(), ["SHA256SUMS", "a.log", "a.log.1.gz", "a.log.2.gz", "a.log.5", "b.txt"]);
  assert.is(gunzipSync(readFileSync(join(logs, "a.log.1.gz"))).toString(), "cut short while being compressed\n");
});

test("a port in use is told, and tried again until it is free", async () => {
  const cwd = join(folder, "port");
  mkdirSync(cwd);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const port = (taken.address() as AddressInfo).port;
  const command = startCommand(["run", join(examples, "02-log-keeper.ts")], {
    cwd,
    env: { PORT: String(port) },
    built,
  });
  await command.until(/"event":"FAILED","task":"web".*EADDRINUSE/);
  taken.close();
  await command.until(new RegExp(`serving http://127.0.0.1:${port}/`));
  await end(command);
});

test("a log folder that is not there ends it with 1 and its path", async () => {
  const command = startCommand(["run", join(examples, "02-log-keeper.ts")], { env: { LOG_FOLDER: "/nowhere" }, built });
  assert.is(await command.exit, 1);
  assert.match(command.stdout(), /ENOENT: no such file or directory, scandir '\/nowhere'/);
});

test.run();
