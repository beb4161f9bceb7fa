import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const root = join(__dirname, "../..");
const fromSource = [
  ...["--conditions", "ostinato-source", "-r", require.resolve("ts-node/register/transpile-only")],
  join(root, "src/cli/index.ts"),
];
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The command line, in a process of its own. */
export interface Command {
  /** Everything that it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when stdout holds this, also from before; rejects when the process ends without. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  signal(signal: NodeJS.Signals): void;
  /** Closes this end of a pipe, as `head` does once it has enough. */
  stopReading(output: "stdout" | "stderr"): void;
  /** 128 + its number after a signal that nobody handled is node's `null` here. */
  readonly exit: Promise<number | null>;
}

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** A built command to run instead of the sources. */
  built?: string;
}

export function startCommand(args: readonly string[], { cwd = root, env = {}, built }: CommandOptions = {}): Command {
  const child = spawn(process.execPath, [...(built === undefined ? fromSource : [built]), ...args], {
    cwd,
    env: { ...process.env, TS_NODE_PROJECT: join(root, "tsconfig.json"), ...env },
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  const looks = new Set<() => void>();
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
    for (const look of [...looks]) look();
  });
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const exit = once(child, "close").then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    stopReading: (output) => void child[output].destroy(),
    exit,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(stdout);
          if (found === null) return;
          looks.delete(look);
          resolve(found);
        };
        looks.add(look);
        look();
        void exit.then((code) => reject(new Error(`ended with ${code} before ${pattern}:\n${stdout}\n${stderr}`)));
      }),
  };
}
