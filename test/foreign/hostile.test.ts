// time limit: 600 s
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HostileReport } from "../fixtures/hostile-process";

const values = Number(process.env["OSTINATO_HOSTILE_VALUES"] ?? 10_000);
const seed = Number(process.env["OSTINATO_HOSTILE_SEED"] ?? Math.floor(Math.random() * 1_000_000));

async function attack(where: string): Promise<{ code: number | null; report: HostileReport; output: string }> {
  const register = ["--conditions", "ostinato-source", "-r", "ts-node/register/transpile-only"];
  const program = join(__dirname, "../fixtures/hostile-process.ts");
  const child = spawn(process.execPath, [...register, program, where, String(seed), String(values)]);
  const lines: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => lines.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  const last = Buffer.concat(lines).toString().trim().split("\n").at(-1) ?? "";
  const output = Buffer.concat(errors).toString().slice(-4_000);
  return { code, report: JSON.parse(last === "" ? "{}" : last) as HostileReport, output };
}

for (const where of ["spawn", "queue", "inspector"]) {
  test(`X1 ${String(values)} random values of the language through ${where} harm nobody (seed ${String(seed)})`, async () => {
    const { code, report, output } = await attack(where);
    assert.is(code, 0, output);
    assert.equal(report.uncaught, [], output);
    assert.is(report.ended, values, "every run ends");
    assert.is(report.siblings, Math.ceil(values / 250), "siblings go on");
    assert.is(report.uncoded, 0, "payloads are refused with a code");
    assert.ok(report.longestMessage <= 4_096, `a message of ${String(report.longestMessage)} bytes`);
    assert.ok(report.longestStack <= 16_384, `a stack of ${String(report.longestStack)} bytes`);
    assert.ok(report.longestLine <= 300_000, `a line of ${String(report.longestLine)} characters`);
  });
}

test.run();
