import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fakedTime } from "./faketime";

/** What a node process is told to be. */
export interface NodeSetup {
  readonly nodeId: string;
  readonly servers: string[];
  readonly namespace: string;
  readonly replicas?: number;
  readonly requestTimeout?: number;
  readonly lease: string;
  /** The guard's port. */
  readonly guard: number;
  readonly tasks: readonly { readonly name: string; readonly every: string; readonly workMs: number }[];
}

/** A line that a node has printed: an event of its runtime, or something that must not be. */
export interface Told {
  readonly type: string;
  readonly task?: string;
  readonly runId?: string;
  readonly outcome?: string;
  readonly fencingToken?: number;
  /** What its wall clock showed when it said so. */
  readonly wall?: number;
  readonly message?: string;
  readonly code?: string;
}

/** A real process that runs a runtime on NATS. */
export interface NodeProcess {
  readonly id: string;
  readonly told: readonly Told[];
  /** Whether it has ended, for whatever reason. */
  readonly ended: boolean;
  /** What it wrote that is no event: its log and its errors. */
  output(): string;
  /** Resolves when such a line has come, also one from before. */
  until(wanted: (told: Told) => boolean): Promise<Told>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it in order; resolves to its exit code. */
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** @param clock by how much its wall is wrong, as libfaketime reads it: "+1h", "-1h". */
export async function startNode(setup: NodeSetup, clock?: string): Promise<NodeProcess> {
  const child = spawn(
    process.execPath,
    ["--conditions", "ostinato-source", "-r", "ts-node/register", join(__dirname, "../fixtures/cluster-node.ts")],
    {
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...process.env,
        ...(clock === undefined ? {} : fakedTime(clock)),
        OSTINATO_NODE: JSON.stringify(setup),
      },
    },
  );
  running.add(child);
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  let output = "";
  let ended = false;
  createInterface({ input: child.stdout }).on("line", (line) => {
    told.push(JSON.parse(line) as Told);
    for (const look of [...waiting]) look();
  });
  child.stderr.on("data", (text: Buffer) => (output += text.toString()));
  const exit = once(child, "exit").then(([code]) => {
    running.delete(child);
    ended = true;
    return code as number | null;
  });
  const node: NodeProcess = {
    id: setup.nodeId,
    told,
    get ended() {
      return ended;
    },
    output: () => output,
    until: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const found = told.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    signal: (signal) => void child.kill(signal),
    async stop() {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      return exit;
    },
  };
  const early = exit.then((code) => {
    throw new Error(`node ${setup.nodeId} ended with ${String(code)} before it had started:\n${output}`);
  });
  await Promise.race([node.until(({ type }) => type === "started"), early]);
  early.catch(() => undefined);
  return node;
}
