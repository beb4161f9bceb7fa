import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileStore, natsStore, type QueueStats, type Store } from "ostinato";

/** Where a queue lives that several processes share. */
export type SharedPlace =
  | {
      readonly servers: string[];
      readonly namespace: string;
      readonly replicas?: number;
      readonly storage?: "file" | "memory";
    }
  | { readonly path: string };

export interface WorkerSetup {
  readonly place: SharedPlace;
  readonly queue: string;
  readonly lease: string;
  readonly nodeId?: string;
  readonly concurrency?: number;
  readonly claim?: boolean;
  readonly bucket?: string;
  /** How long each run takes; left out: no time. */
  readonly workMs?: number;
  /** Tell of each run. */
  readonly each?: boolean;
  /** Tell of runs every 20 ms only, which costs next to nothing: for benchmarks, where nobody is killed. */
  readonly together?: boolean;
  /** Tell of each time in which a write of this process, apart from the queue, took longer than so many milliseconds. */
  readonly probeMs?: number;
  readonly level?: string;
  /** Retries that are allowed. */
  readonly limit?: number;
}

export function storeAt(place: SharedPlace): Store {
  return "path" in place ? fileStore(place) : natsStore({ ...place, reconnectTimeWait: 100 });
}

export type WorkerTold =
  | { type: "ready" }
  | { type: "runs"; runs: [id: string, due: number, at: number, attempt: number][]; ended: string[] }
  | { type: "trouble"; from: number; until: number }
  | { type: "stats"; stats: QueueStats | undefined; runs: number; rss: number; cpuMs: number };

type Stats = Extract<WorkerTold, { type: "stats" }>;

/** A real process that executes a queue. */
export interface QueueWorkerProcess {
  readonly pid: number;
  readonly ended: boolean;
  stats(): Promise<Stats>;
  /** Resolves when the stats are so; asks every 100 ms. */
  until(wanted: (told: Stats) => boolean): Promise<Stats>;
  signal(signal: NodeJS.Signals): void;
  /** In good order. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export async function startQueueWorker(
  setup: WorkerSetup,
  onRuns: (runs: Extract<WorkerTold, { type: "runs" }>) => void = () => undefined,
  onTrouble: (trouble: Extract<WorkerTold, { type: "trouble" }>) => void = () => undefined,
): Promise<QueueWorkerProcess> {
  const child = fork(join(__dirname, "../fixtures/queue-worker.ts"), {
    execArgv: ["--conditions", "ostinato-source", "-r", "ts-node/register"],
    env: { ...process.env, OSTINATO_WORKER: JSON.stringify(setup) },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  running.add(child);
  let ended = false;
  const exit = once(child, "exit").then(() => {
    ended = true;
    running.delete(child);
  });
  const answers: ((stats: Stats) => void)[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    child.on("message", (told: WorkerTold) => {
      if (told.type === "ready") resolve();
      else if (told.type === "runs") onRuns(told);
      else if (told.type === "trouble") onTrouble(told);
      else answers.shift()?.(told);
    });
    void exit.then(() => reject(new Error("the worker has ended before it was ready")));
  });
  await ready;
  const stats = (): Promise<Stats> =>
    new Promise((resolve, reject) => {
      answers.push(resolve);
      child.send({ type: "stats" }, (error) => error && reject(error));
    });
  return {
    pid: child.pid as number,
    get ended() {
      return ended;
    },
    stats,
    async until(wanted) {
      for (;;) {
        const told = await stats();
        if (wanted(told)) return told;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    signal: (signal) => void child.kill(signal),
    async stop() {
      if (!ended) child.send({ type: "stop" });
      await exit;
    },
  };
}
