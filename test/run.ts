// Runs every test file in a process of its own and prints, last, "N passed, N failed".
// node … test/run.ts [--in FOLDER] [--checks SCRIPT,SCRIPT] [PATTERN…]
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { declaredLimit, killAll, runFile, type FileResult } from "./helpers/run-file";

const root = join(__dirname, "..");
const apart = ["fixtures", "helpers", "bench"];

const { values, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: { in: { type: "string", default: __dirname }, checks: { type: "string", default: "" } },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function findTests(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !apart.some((name) => relative(folder, file).startsWith(`${name}/`)))
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => relative(root, file).includes(pattern)))
    .sort((a, b) => declaredLimit(b) - declaredLimit(a) || (a < b ? -1 : 1));
}

/** Runs an npm script; its output is shown only when it fails. */
function check(script: string): Promise<boolean> {
  const begun = performance.now();
  const child = spawn("npm", ["run", "--silent", script], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      say(`${code === 0 ? "ok " : "RED"} npm run ${script} ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      if (code !== 0) say(indent(output));
      resolve(code === 0);
    });
  });
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    ");
}

function tellFile(file: string, { passed, failed, problems, output, seconds }: FileResult): void {
  const name = relative(root, file);
  say(`${failed === 0 ? "ok " : "RED"} ${name} ${passed} of ${passed + failed} passed ${seconds.toFixed(1)} s`);
  if (failed === 0) return;
  say(indent(output));
  for (const problem of problems) say(indent(`${name} ${problem}`));
}

async function main(): Promise<void> {
  let passed = 0;
  let failed = 0;
  const red: string[] = [];
  for (const script of values.checks.split(",").filter(Boolean)) {
    if (!(await check(script))) {
      failed += 1;
      red.push(`npm run ${script}`);
    }
  }
  const files = findTests(values.in);
  if (files.length === 0) {
    failed += 1;
    red.push(`no test file matches ${patterns.join(" ") || values.in}`);
  }
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const file of queue) {
      const result = await runFile(file);
      tellFile(file, result);
      passed += result.passed;
      failed += result.failed;
      if (result.failed > 0)
        red.push(`${relative(root, file)}: ${result.problems.join("; ") || `${result.failed} failed`}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (red.length > 0) say(`\nRed:\n${indent(red.join("\n"))}`);
  say(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

main().catch((error: unknown) => {
  killAll();
  console.error(error);
  say("0 passed, 1 failed");
  process.exit(1);
});
