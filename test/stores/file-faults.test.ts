import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  mkdirSync,
  chmodSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileStore } from "../../src/stores/file";
import type { Written } from "../../src/store";
import { listen } from "../contracts/heard";

const folders: string[] = [];
const children = new Set<ChildProcessWithoutNullStreams>();

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "ostinato-file-"));
  folders.push(made);
  return made;
}

test.after.each(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

interface Process {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: string[];
  readonly exit: Promise<unknown>;
  line(wanted: (line: string) => boolean): Promise<string>;
}

function start(path: string, role: string, argument = "", shell = ""): Process {
  const script = join(__dirname, "../fixtures/file-store-process.ts");
  const command = [
    process.execPath,
    "--conditions",
    "ostinato-source",
    "-r",
    "ts-node/register",
    script,
    path,
    role,
    argument,
  ];
  const child = spawn("/bin/sh", ["-c", `${shell} exec "$@"`, "sh", ...command], { cwd: join(__dirname, "../..") });
  children.add(child);
  child.stderr.pipe(process.stderr);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    for (const look of [...waiting]) look();
  });
  return {
    child,
    lines,
    exit: once(child, "close").finally(() => children.delete(child)),
    line: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const found = lines.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

function written(answer: Written): number {
  assert.ok(answer.ok);
  return answer.ok ? answer.revision : 0;
}

test("a process killed while it writes loses nothing that was acknowledged, again and again", async () => {
  const path = folder();
  const promised: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const writer = start(path, "write", `r${String(round)}`);
    const enough = 5 + round * 37;
    await writer.line(() => writer.lines.length >= enough);
    writer.child.kill("SIGKILL");
    await writer.exit;
    promised.push(...writer.lines.filter((line) => /^\S+ \d+$/.test(line)));
    const store = fileStore({ path });
    for (const line of promised) {
      const [key = "", revision] = line.split(" ");
      assert.is((await store.map("shared").get(key))?.revision, Number(revision), line);
    }
    written(await store.map("shared").create(`after ${String(round)}`, ""));
    await store.close();
  }
});

test("three processes that count together lose no count", async () => {
  const path = folder();
  const racers = [1, 2, 3].map(() => start(path, "race", "100"));
  await Promise.all(racers.map((racer) => racer.exit));
  assert.equal(
    racers.map((racer) => racer.lines),
    [["won 100"], ["won 100"], ["won 100"]],
  );
  const store = fileStore({ path });
  assert.is((await store.map("shared").get("counter"))?.value, "300");
  await store.close();
});

test("a process that stands still does not keep others from reading and writing", async () => {
  const path = folder();
  const idle = start(path, "watch");
  await idle.line((line) => line === "current");
  idle.child.kill("SIGSTOP");
  const store = fileStore({ path });
  const revision = written(await store.map("shared").create("k", "v"));
  assert.is((await store.map("shared").get("k"))?.revision, revision);
  idle.child.kill("SIGCONT");
  assert.is(await idle.line((line) => line.startsWith("change")), `change k v ${String(revision)}`);
  await store.close();
});

test("a watch hears what another process writes, without its asking", async () => {
  const path = folder();
  const watcher = start(path, "watch");
  await watcher.line((line) => line === "current");
  const store = fileStore({ path });
  const map = store.map("shared");
  const revision = written(await map.create("k", "1"));
  await watcher.line((line) => line === `change k 1 ${String(revision)}`);
  const deletion = written(await map.delete("k", revision));
  await watcher.line((line) => line === `change k - ${String(deletion)}`);
  await store.close();
});

test("a watcher that slept while more was deleted than is remembered is told to doubt, and sees what is left", async () => {
  const path = folder();
  const store = fileStore({ path });
  const map = store.map("shared");
  const keep = written(await map.create("keep", "1"));
  const watcher = start(path, "watch");
  await watcher.line((line) => line === "current");
  watcher.child.kill("SIGSTOP");
  const keys = Array.from({ length: 12_000 }, (_, index) => `gone${String(index)}`);
  const revisions = (await Promise.all(keys.map((key) => map.create(key, "")))).map(written);
  await Promise.all(keys.map((key, index) => map.delete(key, revisions[index] ?? 0)));
  watcher.child.kill("SIGCONT");
  await watcher.line((line) => line === "doubt");
  await watcher.line(() => watcher.lines.filter((line) => line === "current").length === 2);
  assert.equal(watcher.lines.slice(watcher.lines.indexOf("doubt")), [
    "doubt",
    `change keep 1 ${String(keep)}`,
    "current",
  ]);
  await store.close();
});

test("a process whose store is closed ends by itself", async () => {
  const done = start(folder(), "open");
  const [code] = (await done.exit) as [number];
  assert.is(code, 0);
  assert.equal(done.lines, ["ok"]);
});

async function openError(path: string): Promise<{ code: string; message: string }> {
  const store = fileStore({ path });
  try {
    await store.open();
  } catch (error) {
    return error as { code: string; message: string };
  }
  await store.close();
  throw new Error("expected the store not to open");
}

test("a path that is a file, or lies under one, is refused with what to do", async () => {
  const path = join(folder(), "file");
  writeFileSync(path, "mine");
  for (const wrong of [path, join(path, "below")]) {
    const error = await openError(wrong);
    assert.is(error.code, "ERR_STORE_PATH");
    assert.match(error.message, /not a folder; give the path of a folder/);
  }
  assert.is(readFileSync(path, "utf8"), "mine");
});

test("a folder that this user may not write to is refused with what to do", async () => {
  const path = folder();
  mkdirSync(join(path, "theirs"), { mode: 0o500 });
  chmodSync(path, 0o755);
  const path2 = join(path, "theirs");
  if (process.getuid?.() !== 0) {
    assert.is((await openError(path2)).code, "ERR_STORE_PATH");
    return;
  }
  const child = start(path2, "open", "as nobody");
  await child.exit;
  assert.is(child.lines[0], "ERR_STORE_PATH");
  assert.match(child.lines[1] ?? "", /may not read and write here; change the folder's owner or mode/);
});

test("a data file that is something else is refused and left alone", async () => {
  const path = folder();
  const text = "not a store\n".repeat(1000);
  writeFileSync(join(path, "data.mdb"), text);
  const error = await openError(path);
  assert.is(error.code, "ERR_STORE_CORRUPT");
  assert.match(error.message, /restore it from a backup or start anew/);
  assert.is(readFileSync(join(path, "data.mdb"), "utf8"), text);
});

test("a data file that was cut short is refused, wherever it was cut", async () => {
  const path = folder();
  const store = fileStore({ path });
  await Promise.all(
    Array.from({ length: 2000 }, (_, index) => store.map("m").create(`k${String(index)}`, "x".repeat(200))),
  );
  written(await store.map("m").create("large", "x".repeat(300_000)));
  await store.close();
  const file = join(path, "data.mdb");
  const whole = readFileSync(file);
  for (const part of [0.9, 0.7, 0.5, 0.3, 0.1, 0.02]) {
    writeFileSync(file, whole);
    truncateSync(file, Math.floor(whole.length * part));
    assert.is((await openError(path)).code, "ERR_STORE_CORRUPT", `cut to ${String(part)}`);
  }
  writeFileSync(file, whole);
  assert.ok(await store.open().then(() => store.map("m").get("k1999")));
  await store.close();
});

test("a full disk is an error that says so, and nothing acknowledged is lost", async () => {
  const full = start(folder(), "fill", "", "trap '' XFSZ; ulimit -S -f 4096;");
  await full.exit;
  assert.equal(full.lines, ["ERR_STORE_FULL", "kept"]);
});

test("a store of a newer format is left alone", async () => {
  const path = folder();
  const store = fileStore({ path });
  await store.open();
  await store.close();
  const lmdb = await import("lmdb");
  const root = lmdb.open({ path, encoding: "string", keyEncoding: "binary", noSubdir: false, maxDbs: 8 });
  await root.openDB({ name: "counters", encoding: "string", keyEncoding: "binary" }).put(Buffer.from("\0format"), "2");
  await root.close();
  assert.is((await openError(path)).code, "ERR_NEWER_VERSION");
});

test("the epoch is when the store was made, and is kept", async () => {
  const path = folder();
  const store = fileStore({ path });
  const epoch = await store.epoch("m");
  assert.ok(Math.abs(epoch - statSync(path).birthtimeMs / 1000) < 60);
  await store.close();
  await store.open();
  assert.is(await store.epoch("m"), epoch);
  await store.close();
});

test("long keys share their beginning and stay apart", async () => {
  const path = folder();
  const store = fileStore({ path });
  const map = store.map("m");
  const long = "k".repeat(5000);
  const revision = written(await map.create(`${long}1`, "one"));
  written(await map.create(`${long}2`, "two"));
  const heard = listen();
  map.watch(`${long}1`, heard.listener);
  await heard.current;
  assert.equal(heard.changes, [{ key: `${long}1`, value: "one", revision }]);
  const found: string[] = [];
  for await (const entry of map.list(long)) found.push(entry.value);
  assert.equal(found.sort(), ["one", "two"]);
  await store.close();
});

test("an option that does not exist, and a path that is no text, are refused", () => {
  const refused = (options: unknown) => {
    assert.throws(
      () => fileStore(options as { path: string }),
      (error: { code?: string }) => error.code === "ERR_INVALID_OPTION",
    );
  };
  refused({ path: "/tmp/x", paht: 1 });
  refused({ path: "" });
  refused({});
});

test("a process that calls process.exit() in the midst of its writes ends, and keeps nobody from writing", async () => {
  const path = folder();
  for (let time = 0; time < 3; time += 1) {
    const quitting = start(path, "quit");
    await quitting.line((line) => line === "quits");
    await quitting.exit;
  }
  const store = fileStore({ path });
  assert.is((await store.map("shared").create("after", "")).ok, true);
  await store.close();
});

test.run();
