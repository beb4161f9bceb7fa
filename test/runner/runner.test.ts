import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { declaredLimit, runFile, type FileResult } from "../helpers/run-file";

const fixtures = join(__dirname, "../fixtures/runner");
const fixture = (name: string): string => join(fixtures, `${name}.test.ts`);

function cli(...args: string[]): { status: number | null; lines: string[] } {
  const register = ["--conditions", "ostinato-source", "-r", "ts-node/register"];
  const { status, stdout } = spawnSync(process.execPath, [...register, join(__dirname, "../run.ts"), ...args], {
    encoding: "utf8",
  });
  return { status, lines: stdout.trimEnd().split("\n") };
}

function red(what: string, name: string, expected: { passed: number; failed: number; says: RegExp }): void {
  test(`red: ${what}`, async () => {
    const slow = /never-ends|blocks/.test(name);
    const result = await runFile(fixture(name), { limit: slow ? 12_000 : 60_000, grace: 500 });
    const { passed, failed } = result;
    assert.equal({ passed, failed }, { passed: expected.passed, failed: expected.failed }, describe(result));
    assert.match(describe(result), expected.says);
  });
}

function describe({ problems, output }: FileResult): string {
  return `${problems.join("\n")}\n${output}`;
}

test("green: every test of every suite in the file is counted", async () => {
  const { passed, failed, problems } = await runFile(fixture("green"));
  assert.equal({ passed, failed, problems }, { passed: 2, failed: 0, problems: [] });
});

red("a test that fails", "fails", { passed: 1, failed: 1, says: /FAIL.*"is wrong"/ });
red("a before() that throws", "before-throws", { passed: 0, failed: 1, says: /the server did not start/ });
red("an after.each() that throws", "after-each-throws", { passed: 0, failed: 2, says: /the folder was not empty/ });
red("an after() that throws", "after-throws", { passed: 0, failed: 1, says: /the server did not stop/ });
red("a forgotten test.run()", "no-run", { passed: 0, failed: 1, says: /never calls test\.run\(\)/ });
red("a test registered after run()", "registered-late", { passed: 1, failed: 1, says: /1 of its tests .* never run/ });
red("a file without tests", "no-tests", { passed: 0, failed: 1, says: /has no test/ });
red("an empty file", "empty", { passed: 0, failed: 1, says: /has no test/ });
red("a file that asserts nothing", "asserts-nothing", { passed: 1, failed: 1, says: /asserts nothing/ });
red("a .only left behind", "only", { passed: 1, failed: 1, says: /has a \.only/ });
red("a skipped test", "skipped", { passed: 1, failed: 1, says: /1 of its tests are skipped/ });
red("a server left open", "leaks-a-server", { passed: 1, failed: 1, says: /after its last test; open: Server .*127/ });
red("a timer left running", "leaks-a-timer", { passed: 1, failed: 1, says: /after its last test; open: Timeout/ });
red("a test that never ends", "never-ends", {
  passed: 0,
  failed: 1,
  says: /still running in "waits for what does not come"; open: Timeout[^]*killed after its time limit of 12 s/,
});
red("a test that blocks the thread", "blocks", { passed: 0, failed: 1, says: /killed after its time limit of 12 s/ });
red("a test that waits for nothing", "gives-up", { passed: 0, failed: 1, says: /before its tests had finished/ });
red("a test that calls process.exit(0)", "exits", { passed: 0, failed: 1, says: /before its tests had finished/ });
red("a process that dies", "dies", { passed: 0, failed: 1, says: /ended without a report \(SIGKILL\)/ });
red("a file that throws while loading", "throws-on-load", { passed: 0, failed: 1, says: /a broken import/ });
red("an unhandled rejection", "rejects-unhandled", { passed: 0, failed: 1, says: /nobody looked/ });
red("an unhandled rejection after the last test", "rejects-late", { passed: 1, failed: 1, says: /nobody looked/ });

test("what a test file started is ended with it", async () => {
  const { output, seconds } = await runFile(fixture("leaves-a-process"));
  const pid = Number(/left (\d+)/.exec(output)?.[1]);
  assert.ok(seconds < 30);
  assert.ok(pid > 0);
  // The signal has been sent; that it has been obeyed may take a moment. What is not ended runs into the time limit.
  while (!(await gone(pid))) await new Promise((resolve) => setTimeout(resolve, 10));
});

/** A killed process whose new parent has not yet collected it counts as gone. */
async function gone(pid: number): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  try {
    return /\) [ZX] /.test(await readFile(`/proc/${String(pid)}/stat`, "utf8"));
  } catch {
    return true;
  }
}

test("a file's first line may declare its time limit", () => {
  assert.is(declaredLimit(fixture("declares-a-limit")), 7_000);
  assert.is(declaredLimit(fixture("green")), 180_000);
});

test("the last line is the real count, and the exit code follows it", () => {
  const green = cli("--in", fixtures, "runner/green");
  assert.is(green.lines.at(-1), "2 passed, 0 failed");
  assert.is(green.status, 0);
  const mixed = cli("--in", fixtures, "runner/green", "runner/fails", "runner/no-run");
  assert.is(mixed.lines.at(-1), "3 passed, 2 failed");
  assert.is(mixed.status, 1);
  assert.ok(mixed.lines.some((line) => /never calls test\.run\(\)/.test(line)));
});

test("a pattern that matches no file is red", () => {
  const { status, lines } = cli("--in", fixtures, "no-such-file");
  assert.is(lines.at(-1), "0 passed, 1 failed");
  assert.is(status, 1);
});

test("a failing check is red and does not keep the tests from running", () => {
  const { status, lines } = cli("--in", fixtures, "--checks", "no-such-script", "runner/green");
  assert.is(lines.at(-1), "2 passed, 1 failed");
  assert.is(status, 1);
});

test.run();
