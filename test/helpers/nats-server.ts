import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsServerBinary, versionOf, type NatsVersion } from "./nats-binaries";
import { awaitReplicas } from "./nats-stream";
import { freePort } from "./ports";

export { natsVersions, type NatsVersion } from "./nats-binaries";

export interface NatsServerOptions {
  /** Left out: what NATS_SERVER, the PATH or Debian stable has. */
  readonly version?: NatsVersion;
  /** A folder that outlives the server; left out, it has one of its own that `stop()` removes. */
  readonly dataDir?: string;
  readonly port?: number;
  /** More lines of the server's configuration. */
  readonly config?: string;
  readonly name?: string;
  /** On how many processors it runs; left out, on all. */
  readonly processors?: number;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly dataDir: string;
  /** Everything that the server has written to its log. */
  log(): string;
  /** Resolves when the server has written a matching line since it was last started; rejects if it ends by itself. */
  logged(wanted: RegExp): Promise<void>;
  /** Ends it in order, and removes the data that nobody else owns. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays. */
  kill(): Promise<void>;
  /** SIGSTOP; returns when it stands still. */
  pause(): void;
  resume(): void;
  /** Starts it again on its port and its data; ends it first if it runs. */
  restart(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A real nats-server with JetStream on a free port of the loopback and with a data folder of its own. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const binary = natsServerBinary(options.version);
  const version = versionOf(binary);
  const port = options.port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), "ostinato-nats-"));
  const dataDir = options.dataDir ?? join(folder, "data");
  mkdirSync(dataDir, { recursive: true });
  const configFile = join(folder, "server.conf");
  const name = options.name ?? `nats-${String(port)}`;
  writeFileSync(
    configFile,
    [
      `server_name: "${name}"`,
      `listen: "127.0.0.1:${String(port)}"`,
      `jetstream { store_dir: "${dataDir}", max_memory_store: 256MB, max_file_store: 4GB }`,
      options.config ?? "",
    ].join("\n"),
  );

  let child: ChildProcess | undefined;
  /** The one that was told to end. */
  let asked: ChildProcess | undefined;
  let output = "";
  let since = 0;
  let fault: Error | undefined;
  const readers = new Set<() => void>();
  const read = () => {
    for (const reader of [...readers]) reader();
  };

  async function start(): Promise<void> {
    since = output.length;
    fault = undefined;
    const env = { ...process.env, ...(options.processors ? { GOMAXPROCS: String(options.processors) } : {}) };
    const started = spawn(binary, ["-c", configFile], { stdio: ["ignore", "ignore", "pipe"], env });
    child = started;
    running.add(started);
    started.stderr.on("data", (text: Buffer) => {
      output += text.toString();
      read();
    });
    started.once("exit", () => {
      running.delete(started);
      if (child === started) child = undefined;
    });
    started.once("close", () => {
      if (started === asked) return;
      fault = new Error(`nats-server ${version} ended by itself:\n${output.slice(since)}`);
      read();
    });
    await logged(/Server is ready/);
  }

  function logged(wanted: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const reader = () => {
        if (wanted.test(output.slice(since))) resolve();
        else if (fault) reject(fault);
        else return;
        readers.delete(reader);
      };
      readers.add(reader);
      reader();
    });
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    if (!ending) return;
    asked = ending;
    const gone = once(ending, "exit");
    ending.kill(signal);
    if (signal !== "SIGKILL") ending.kill("SIGCONT");
    await gone;
  }

  await start();
  process.stdout.write(`  nats-server ${version} on port ${String(port)}\n`);
  return {
    url: `nats://127.0.0.1:${String(port)}`,
    port,
    version,
    dataDir,
    log: () => output,
    logged,
    async stop() {
      await end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
    pause() {
      child?.kill("SIGSTOP");
      awaitStandstill(child?.pid);
    },
    resume: () => void child?.kill("SIGCONT"),
    async restart() {
      await end("SIGTERM");
      await start();
    },
  };
}

/** A signal is only on its way when it has been sent. Where the system tells of threads (Linux), each has to be stopped. */
function awaitStandstill(pid: number | undefined): void {
  const threads = `/proc/${String(pid)}/task`;
  const runs = (thread: string): boolean => !readFileSync(`${threads}/${thread}/stat`, "utf8").includes(") T ");
  while (existsSync(threads) && readdirSync(threads).some(runs));
}

interface NatsClusterOptions {
  readonly version: NatsVersion;
  readonly size?: number;
  readonly config?: string;
}

/** Servers that are one JetStream cluster; resolves when all of them can keep a replica. */
export async function startNatsCluster({ size = 3, ...options }: NatsClusterOptions): Promise<NatsServer[]> {
  const start = await natsClusterOf(size, options);
  const servers = await Promise.all(Array.from({ length: size }, (_, index) => start(index)));
  await awaitReplicas(servers[0]?.url ?? "", size);
  return servers;
}

/**
 * The same, each server to be started by its number. Those before 2.11 on one processor: on more of them, one start in
 * a hundred leaves a server that its peers never hear.
 */
export async function natsClusterOf(
  size: number,
  { version, config = "" }: Omit<NatsClusterOptions, "size">,
): Promise<(index: number) => Promise<NatsServer>> {
  const ports = await Promise.all(Array.from({ length: size }, freePort));
  const routes = ports.map((port) => `"nats://127.0.0.1:${String(port)}"`).join(", ");
  return (index) => {
    const listen = `127.0.0.1:${String(ports[index])}`;
    const cluster = `cluster { name: "c", listen: "${listen}", routes: [${routes}] }`;
    const processors = version === "2.15.1" ? {} : { processors: 1 };
    return startNatsServer({ version, ...processors, name: `n${String(index)}`, config: `${cluster}\n${config}` });
  };
}
