import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StringDecoder } from "node:string_decoder";
import type { Note } from "./count";

/** What came of one test file. Green only if `failed` is 0. */
export interface FileResult {
  readonly passed: number;
  /** Tests that did not pass, or 1 where the file is red although none of its tests says so. */
  readonly failed: number;
  /** Why it is red, beyond what the tests themselves printed. */
  readonly problems: readonly string[];
  readonly output: string;
  readonly seconds: number;
}

export interface FileOptions {
  /** Milliseconds until the file is killed. Default: its first line (`// time limit: 300 s`), else 180 s. */
  readonly limit?: number;
  /** Milliseconds that the process may go on after its last test. Default 5,000. */
  readonly grace?: number;
}

const defaultLimit = 180_000;
const longestOutput = 200_000;
const running = new Set<number>();

/** The limit that a file declares in its first line, in milliseconds. */
export function declaredLimit(file: string): number {
  const seconds = /^\/\/ time limit: (\d+) s\n/.exec(readFileSync(file, "utf8"))?.[1];
  return seconds === undefined ? defaultLimit : Number(seconds) * 1000;
}

/** Ends every test file that still runs, and what it started. */
export function killAll(): void {
  for (const pid of running) killGroup(pid);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The whole group has ended.
  }
}

/** Runs a test file in a process of its own and says what came of it; never rejects for what the file does. */
export async function runFile(file: string, options: FileOptions = {}): Promise<FileResult> {
  const { limit = declaredLimit(file), grace = 5_000 } = options;
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    ["--conditions", "ostinato-source", "-r", "ts-node/register", "-r", join(__dirname, "count.ts"), file],
    {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, OSTINATO_TEST: JSON.stringify({ limit, grace }) },
    },
  );
  const pid = child.pid!;
  running.add(pid);
  let output = "";
  let notes = "";
  const collect = (stream: NodeJS.ReadableStream, take: (text: string) => void): void => {
    const decoder = new StringDecoder("utf8");
    stream.on("data", (chunk: Buffer) => take(decoder.write(chunk)));
  };
  const print = (text: string): void => {
    output = (output + text).slice(-longestOutput);
  };
  collect(child.stdout!, print);
  collect(child.stderr!, print);
  collect(child.stdio[3] as NodeJS.ReadableStream, (text) => (notes += text));

  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    killGroup(pid);
  }, limit);
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ended = await new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? (code === 0 ? "" : `exit code ${code}`)));
  });
  clearTimeout(deadline);
  killGroup(pid);
  await closed;
  running.delete(pid);
  const seconds = (performance.now() - begun) / 1000;
  const told = notes.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Note] : []));
  return { ...judge(told, ended, late ? limit : undefined), output, seconds };
}

/** Green needs proof: every suite finished, every registered test ran and passed, something asserted, a clean exit. */
function judge(
  notes: readonly Note[],
  ended: string,
  late: number | undefined,
): Pick<FileResult, "passed" | "failed" | "problems"> {
  const problems: string[] = [];
  let passed = 0;
  let total = 0;
  let skipped = 0;
  let unexplained = false;
  for (const note of notes) {
    if (note.type === "suite") {
      passed += note.passed;
      total += note.total;
      skipped += note.skipped;
      unexplained ||= note.passed < note.total && !note.explained;
    } else if (note.type === "hanging") {
      const where = note.after === "tests" ? "after its last test" : `in "${note.test}"`;
      problems.push(`still running ${where}; open: ${note.handles.join(", ") || "nothing that Node lists"}`);
    }
  }
  if (unexplained) {
    const errors = notes.flatMap((note) => (note.type === "hook" ? [note.error] : []));
    problems.push(`a hook threw: ${errors.join("\n") || "its error is not known"}`);
  }
  const end = notes.find((note) => note.type === "end");
  if (late !== undefined) problems.push(`killed after its time limit of ${late / 1000} s`);
  else if (end === undefined) problems.push(`ended without a report (${ended || "exit code 0"})`);
  if (end !== undefined) {
    const { registered, only, suites, finished, asserted } = end;
    if (only > 0) problems.push("has a .only left in it");
    if (registered + only === 0) problems.push("has no test");
    else if (suites === 0) problems.push("never calls test.run()");
    else if (finished < suites) problems.push("ended before its tests had finished");
    else if (total < registered) problems.push(`${registered - total} of its tests were registered and never run`);
    if (registered + only > 0 && !asserted) problems.push("asserts nothing");
    if (ended !== "" && problems.length === 0 && passed === total) {
      problems.push(`every test passed, but the process ended with ${ended}`);
    }
  }
  if (skipped > 0 && (end === undefined || end.only === 0)) problems.push(`${skipped} of its tests are skipped`);
  const failures = total - passed;
  return { passed, failed: failures === 0 && problems.length > 0 ? 1 : failures, problems };
}
