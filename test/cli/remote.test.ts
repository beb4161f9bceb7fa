// time limit: 300 s
import { mkdtempSync, rmSync } from "node:fs";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, fileStore, interval } from "ostinato";
import { createInspector } from "ostinato/inspector";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildCommand } from "../helpers/built-command";

const root = join(__dirname, "../..");
const built = buildCommand();
const logger = pino({ level: "silent" });

function ostinato(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [built, ...args], { cwd: root }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test("tasks of a running process are shown, triggered, paused and resumed, through its store and its inspector", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ostinato-remote-"));
  const path = join(folder, "state");
  const runtime = createRuntime({ logger, store: fileStore({ path }) });
  let ran = (): void => undefined;
  let runs = 0;
  const task = runtime.spawn({
    name: "backup",
    schedule: interval("1h", { immediate: false }),
    run: () => {
      runs += 1;
      ran();
    },
  });
  await runtime.start();
  const inspector = await createInspector(runtime, { port: 0, allowActions: true });
  const store = ["--store", `file:${path}`];
  const url = ["--url", inspector.url];

  const again = new Promise<void>((resolve) => (ran = resolve));
  const triggered = await ostinato("trigger", "backup", ...store);
  assert.is(triggered.code, 0, triggered.err);
  await again;
  assert.is(runs, 1);
  assert.is((await ostinato("trigger", "backup", ...url)).code, 0);
  assert.is(runs, 2);

  const [paused, shown] = [await ostinato("pause", "backup", ...store), await ostinato("status", ...store)];
  assert.is(paused.code, 0, paused.err);
  assert.match(shown.out, /^backup\s+paused/m);
  assert.is(task.status().paused, true);
  await ostinato("resume", "backup", ...store);
  assert.is(task.status().paused, false);

  const [byUrl, top, unknown, both] = await Promise.all([
    ostinato("status", ...url, "--json"),
    ostinato("top", "--count", "1", ...store),
    ostinato("trigger", "nobody", ...store),
    ostinato("status", ...url, ...store),
  ]);
  const { tasks } = JSON.parse(byUrl.out) as { tasks: { name: string; lastRun: { outcome: string } }[] };
  assert.equal(
    tasks.map(({ name, lastRun }) => [name, lastRun.outcome]),
    [["backup", "succeeded"]],
  );
  assert.match(top.out, /1 tasks, 0 running, 0 failing/);
  assert.is(unknown.code, 1);
  assert.match(unknown.err, /^error: no exclusive task "nobody"/);
  assert.is(both.code, 2);
  await inspector.close();
  const inUse = await ostinato("forget", "backup", ...store);
  assert.is(inUse.code, 1);
  assert.match(inUse.err, /^error: the task "backup" is in use: node .* has it/);
  await runtime.stop();
  const forgotten = await ostinato("forget", "backup", ...store);
  assert.is(forgotten.code, 0, forgotten.err);
  assert.match(forgotten.out, /^"backup" is forgotten/);
  const gone = await ostinato("forget", "backup", ...store);
  assert.is(gone.code, 1);
  assert.match(gone.err, /^error: no exclusive task "backup"/);
  rmSync(folder, { recursive: true, force: true });
});

test.run();
