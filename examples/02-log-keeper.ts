/**
 * A service that keeps its own logs in order. A web server on 127.0.0.1 (port: PORT, or a free one) writes an access
 * log; tasks rotate and compress it every minute, verify the checksums of what is compressed every two minutes and
 * delete what is older than 14 days once a day. What ran when is remembered in the file store.
 *
 *     npm start
 *     npx ostinato run examples/02-log-keeper.ts --store file:data/log-keeper/state
 *
 * With LOG_FOLDER=/a/folder it serves nothing and keeps that folder: `NAME.log.*` is compressed, verified and pruned.
 * `NAME.log` itself is left alone there, because the program that writes it would go on writing into a renamed file.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { httpServerTask, interval, withRepeat, type Runtime, type Task, type TaskContext } from "ostinato";

const settledAfterMs = 60_000;
const keepForMs = 14 * 86_400_000;
const rotated = /\.log\.(?!.*\.(?:gz|tmp)$)/;
const compressed = /\.log\..*\.gz$/;
const unfinished = /\.log\..*\.gz\.tmp$/;
const sums = "SHA256SUMS";

export default async function tasks(runtime: Runtime): Promise<void> {
  const given = process.env["LOG_FOLDER"];
  const folder = given ?? "data/log-keeper/logs";
  const log = given === undefined ? new AccessLog(join(folder, "access.log")) : undefined;
  if (log === undefined) await readdir(folder);
  else {
    await mkdir(folder, { recursive: true });
    await log.write("started");
    serve(runtime, log);
  }

  runtime.spawn({
    name: "rotate",
    schedule: interval("1m"),
    timeout: "50s",
    run: async (context) => {
      const now = runtime.clock.now();
      await log?.rotate(new Date(now));
      await compressAll(context, folder, log === undefined ? now - settledAfterMs : Infinity);
    },
  });
  runtime.spawn({
    name: "checksums",
    schedule: interval("2m"),
    spread: "10s", // A few seconds after the tick, when the first file has been compressed.
    retry: { initialDelay: "5s", maxDelay: "1m" },
    run: (context) => verify(context, folder),
  });
  runtime.spawn({
    name: "prune",
    schedule: interval("1d"),
    run: (context) => prune(context, folder, runtime.clock.now() - keepForMs),
  });
}

/** Lines and rotations wait for each other: no line goes into a file after its rotation has returned. */
class AccessLog {
  #last: Promise<unknown> = Promise.resolve();
  constructor(readonly path: string) {}

  /** The file is opened anew for each line, so that it is always the one that has the name now. */
  write(text: string): Promise<void> {
    return this.#next(() => appendFile(this.path, `${new Date().toISOString()} ${text}\n`));
  }

  /** Renames the log if there is anything in it; the next line begins a new one. */
  rotate(now: Date): Promise<void> {
    const target = `${this.path}.${now.toISOString().replaceAll(":", "")}`;
    return this.#next(async () => {
      const size = await stat(this.path).then((found) => found.size, orMissing(0));
      if (size > 0) await rename(this.path, target);
    });
  }

  #next<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** The web server, and a visitor so that there is something in the log. */
function serve(runtime: Runtime, log: AccessLog): void {
  let address: string | undefined;

  const web: Task = async (context) => {
    const server = createServer((request, response) => {
      response.on("finish", () => {
        const line = `${request.socket.remoteAddress ?? "-"} ${request.method ?? "-"} ${request.url ?? "-"} ${response.statusCode}`;
        log.write(line).catch((err: unknown) => context.logger.error({ err }, "a line of the access log was lost"));
      });
      response.end("This request is in the access log now.\n");
    });
    server.once("listening", () => {
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      context.logger.info(`serving ${address}`);
    });
    await httpServerTask(server, { host: "127.0.0.1", port: Number(process.env["PORT"] ?? 0) })(context);
  };
  runtime.spawn({ name: "web", run: web });

  const visit: Task = async ({ signal, logger }) => {
    if (address === undefined) return;
    const { status } = await fetch(address, { signal });
    logger.info(`visited ${address}: ${status}`);
  };
  runtime.spawn({ name: "visitor", run: withRepeat(interval("5s"), visit) });
}

/** Killed at any point, the next run finishes it: a file and its finished copy may both be there, never neither. */
async function compressAll({ logger, signal, progress }: TaskContext, folder: string, before: number): Promise<void> {
  const names = await readdir(folder);
  for (const name of names.filter((one) => unfinished.test(one))) await rm(join(folder, name), { force: true });
  const waiting = names.filter((one) => rotated.test(one));
  for (const [index, name] of waiting.entries()) {
    progress(index, waiting.length, name);
    const path = join(folder, name);
    const source = await stat(path);
    if (!source.isFile() || source.mtimeMs > before) continue;
    const target = `${path}.gz`;
    await pipeline(
      createReadStream(path),
      createGzip(),
      createWriteStream(`${target}.tmp`, { flush: true, mode: source.mode }),
      { signal },
    );
    if ((await stat(path)).size !== source.size) throw new Error(`${name} was still being written; it is kept`);
    await utimes(`${target}.tmp`, source.atime, source.mtime);
    await rename(`${target}.tmp`, target);
    await rm(path);
    const { size } = await stat(target);
    logger.info(`compressed ${name}: ${source.size} bytes are ${size} now`);
  }
}

/** Adds new files to SHA256SUMS, which `sha256sum -c` reads too, and fails while one is not what it was. */
async function verify({ logger, signal }: TaskContext, folder: string): Promise<void> {
  const manifest = join(folder, sums);
  const known = new Map<string, string>();
  for (const line of (await readFile(manifest, "utf8").catch(orMissing(""))).split("\n")) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    if (sum !== undefined && name !== undefined) known.set(name, sum);
  }
  const files = (await readdir(folder)).filter((name) => compressed.test(name)).sort();
  const lines: string[] = [];
  const corrupt: string[] = [];
  for (const name of files) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(folder, name)), hash, { signal });
    const found = hash.digest("hex");
    const sum = known.get(name) ?? found;
    if (sum !== found) corrupt.push(name);
    lines.push(`${sum}  ${name}\n`);
  }
  await writeFile(`${manifest}.tmp`, lines.join(""), { flush: true });
  await rename(`${manifest}.tmp`, manifest);
  if (corrupt.length > 0) {
    throw new Error(`corrupt: ${corrupt.join(", ")}; bring back what ${manifest} lists, or delete the file`);
  }
  const added = files.filter((name) => !known.has(name)).length;
  logger.info(`checksums: ${files.length - added} files verified, ${added} added`);
}

/** Only what was compressed here is ever deleted. */
async function prune({ logger }: TaskContext, folder: string, before: number): Promise<void> {
  let deleted = 0;
  for (const name of (await readdir(folder)).filter((one) => compressed.test(one))) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs >= before) continue;
    await rm(path, { force: true });
    deleted += 1;
  }
  logger.info(`pruned ${deleted} files older than 14 days`);
}

/** A file that is not there (yet) stands for this value; any other failure stays one. */
function orMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}
