import { fork, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longer than any command takes that does not hang: one that finds no server gives up after seconds. */
const patience = 60_000;

/** A process that carries out command lines, in a folder of its own. Its end, or its silence, is a finding. */
export class Commands {
  readonly store: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "ostinato-fuzz-"));
  readonly #child: ChildProcess;
  #said = "";

  constructor() {
    this.store = `file:${join(this.#folder, "state")}`;
    this.#child = fork(join(__dirname, "command-process.ts"), {
      cwd: this.#folder,
      execArgv: ["--conditions", "ostinato-source", "-r", require.resolve("ts-node/register/transpile-only")],
      env: { ...process.env, TS_NODE_PROJECT: join(__dirname, "../../tsconfig.json") },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.on("data", (text: Buffer) => (this.#said = `${this.#said}${text.toString()}`.slice(-4_000)));
  }

  ready(): Promise<void> {
    return this.#answer("the start");
  }

  /** Rejects unless it ends well, or with an error that has a code. */
  async run(args: string[]): Promise<void> {
    const answer = this.#answer(JSON.stringify(args));
    this.#child.send(args);
    await answer;
  }

  /** Hands lines to `ostinato assign` in a file. */
  async assign(lines: readonly (string | Uint8Array)[]): Promise<void> {
    const file = join(this.#folder, "lines.jsonl");
    writeFileSync(file, Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from("\n")])));
    await this.run(["assign", "--store", this.store, "--queue", "mail", file]);
  }

  end(): void {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #answer(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (problem: string): void => {
        clearTimeout(timer);
        this.#child.off("message", finish).off("exit", ended);
        if (problem === "") resolve();
        else reject(new Error(`${what}: ${problem}`));
      };
      const ended = (): void => finish(`the process ended\n${this.#said}`);
      const timer = setTimeout(() => finish("it hangs"), patience);
      this.#child.on("message", finish).on("exit", ended);
    });
  }
}
