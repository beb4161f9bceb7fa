import { Queue, Worker, type JobsOptions } from "bullmq";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../helpers/ports";

/**
 * So many delayed jobs that are due at the same moment, one worker of the same concurrency: runs a second from that
 * moment on. Undefined where there is no redis-server.
 */
export async function bullmqBurst(count: number): Promise<number | undefined> {
  if (spawnSync("redis-server", ["--version"]).status !== 0) {
    console.log("  (no redis-server: nothing to compare with; in Debian: apt-get install redis-server)");
    return undefined;
  }
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), "ostinato-redis-"));
  const persistence = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
  const redis = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, ...persistence]);
  const connection = { host: "127.0.0.1", port };
  await once(redis.stdout, "data");
  const queue = new Queue("burst", { connection });
  await queue.waitUntilReady();
  let ran = 0;
  let last = 0;
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const worker = new Worker(
    "burst",
    () => {
      last = Date.now();
      ran += 1;
      if (ran === count) finish();
      return Promise.resolve();
    },
    { connection, concurrency: 100 },
  );
  const at = Date.now() + 8_000;
  const options: JobsOptions = { removeOnComplete: true };
  for (let from = 0; from < count; from += 1_000) {
    const jobs = Array.from({ length: 1_000 }, (_, n) => ({ name: "job", data: { n: from + n } }));
    await queue.addBulk(jobs.map((job) => ({ ...job, opts: { ...options, delay: Math.max(0, at - Date.now()) } })));
  }
  await finished;
  await worker.close();
  await queue.close();
  redis.kill();
  await once(redis, "exit");
  rmSync(dir, { recursive: true, force: true });
  return (count / (last - at)) * 1_000;
}
