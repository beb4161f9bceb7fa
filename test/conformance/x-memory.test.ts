// time limit: 900 s
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const mostBytes = 50;
const fixture = join(__dirname, "../fixtures/gone-names.ts");

/** Uses names in a process of its own, and checks what each has left there. */
async function usedOnce(...wanted: string[]): Promise<void> {
  const node = ["--expose-gc", "--conditions", "ostinato-source", "-r", "ts-node/register"];
  const child = spawn(process.execPath, [...node, fixture, ...wanted], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  assert.is(code, 0);
  const lines = output.trim().split("\n");
  assert.is(lines.length, wanted.filter((each) => each.includes("=")).length);
  for (const line of lines) {
    const { bytesPerName } = JSON.parse(line) as { bytesPerName: number };
    assert.ok(bytesPerName < mostBytes, line);
  }
}

test("X9 a task that was stopped leaves no memory: 100,000 names", () => usedOnce("stopped=100000"));

test("X9 scheduled, triggered, temporary and failing tasks, and branches, leave no memory", () =>
  usedOnce("temporary=20000", "triggered=10000", "failing=10000", "branches=10000", "scheduled=12000"));

test("X9 a lock and an assigned task that are gone leave no memory", () => usedOnce("locks=10000", "assigned=10000"));

test("X9 what is gone, queues included, leaves no memory while an inspector watches", () =>
  usedOnce("inspect", "stopped=6000", "temporary=6000", "failing=6000", "queues=5000"));

test.run();
