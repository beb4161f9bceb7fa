/** Pipes whose reader goes away, as `| head` does: real processes, because nothing else has a real EPIPE. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, fileStore, interval } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildCommand } from "../helpers/built-command";
import { startCommand, type Command } from "../helpers/command";

const built = buildCommand();
const folder = mkdtempSync(join(tmpdir(), "ostinato-reader-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const fromBuild = JSON.stringify(join(built, "../../index.js"));

/** A run that takes a while, and a task that writes again and again. */
const work = (log: string, talk: string): string => `
  const note = (text) => require("node:fs").appendFileSync(${JSON.stringify(log)}, text);
  const { interval } = require(${fromBuild});
  module.exports = (runtime) => {
    runtime.spawn({ name: "long", schedule: interval("1h"), run: async () => {
      note("began ");
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      note("ended");
    } });
    runtime.spawn({ name: "talk", schedule: interval("50ms"), minCycle: "10ms", maxCycle: "40ms", run: () => { ${talk} } });
  };
`;

let count = 0;
function file(talk = ""): { script: string; log: string } {
  count += 1;
  const [script, log] = ["js", "log"].map((ending) => join(folder, `${String(count)}.${ending}`)) as [string, string];
  writeFileSync(script, work(log, talk));
  writeFileSync(log, "");
  return { script, log };
}

async function leave(command: Command, log: string, output: "stdout" | "stderr" = "stdout"): Promise<number | null> {
  await command.until(/long/);
  command.stopReading(output);
  const code = await command.exit;
  assert.is(readFileSync(log, "utf8"), "began ended");
  assert.not.match(command.stderr(), /^ +at /m);
  return code;
}

for (const [how, args, talk] of [
  ["JSON lines", ["--json"], ""],
  ["lines for people", ["--pretty"], ""],
  ["its tasks' own output", ["--json", "--log-level", "info"], 'console.log("talk");'],
] as const) {
  test(`run ends its runs in order when the reader of ${how} has gone, and does not report success`, async () => {
    const { script, log } = file(talk);
    assert.is(await leave(startCommand(["run", script, ...args], { built }), log), 141);
  });
}

for (const [output, code] of [
  ["stderr", 141],
  ["stdout", 1],
] as const) {
  test(`main lets its runtime end in order when nobody reads its ${output} any more`, async () => {
    // Only the runtime's log goes to stdout.
    const { script, log } = file(output === "stderr" ? 'process.stderr.write("talk\\n");' : "");
    const service = join(folder, `service-${output}.js`);
    writeFileSync(
      service,
      `const { createRuntime, main } = require(${fromBuild});
       const runtime = createRuntime();
       require(${JSON.stringify(script)})(runtime);
       main(runtime.task()).then((code) => process.exit(code));`,
    );
    assert.is(await leave(startCommand([], { built: service }), log, output), code);
  });
}

test("top and list end without a word when their reader has gone", async () => {
  const path = join(folder, "state");
  const store = fileStore({ path });
  const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
  runtime.spawn({ name: "t", schedule: interval("1h"), run: () => undefined });
  const queue = await runtime.queue<string>({ name: "polls" });
  await runtime.start();
  await queue.assignMany(
    Array.from({ length: 2_000 }, (_, index) => ({
      id: `id${String(index)}`,
      payload: "x".repeat(200),
      at: new Date(2e12),
    })),
  );
  await runtime.stop();
  for (const args of [
    ["top", "--every", "20ms", "--store", `file:${path}`],
    ["list", "--queue", "polls", "--store", `file:${path}`],
  ]) {
    const command = startCommand(args, { built });
    await command.until(/./);
    command.stopReading("stdout");
    const code = await command.exit;
    assert.ok(code === 0 || code === 141, `${String(args[0])}: ${String(code)} ${command.stderr()}`);
    assert.is(command.stderr(), "");
  }
});

test.run();
