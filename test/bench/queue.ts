/**
 * Assigned tasks over one nats-server, with workers that are processes of their own: a million that wait, twenty thousand
 * that are due in the same second (beside BullMQ, where there is a redis-server), and two thousand that repeat each
 * second for a minute. `BENCH_ONLY=dormant|burst|steady` runs one of them; `BENCH_TASKS` makes the million another number.
 */
import { createRuntime, systemClock, type Duration, type Queue, type Runtime } from "ostinato";
import pino from "pino";
import { percentile } from "../helpers/percentile";
import { natsVersions, startNatsServer, type NatsVersion } from "../helpers/nats-server";
import { startQueueWorker, storeAt, type QueueWorkerProcess, type SharedPlace } from "../helpers/queue-worker";
import { bullmqBurst } from "./peer-bullmq";

const only = process.env["BENCH_ONLY"];
const million = Number(process.env["BENCH_TASKS"] ?? 1_000_000);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const now = (): number => systemClock.now();
const thousands = (count: number): string => Math.round(count).toLocaleString("en");

interface Bench {
  readonly place: SharedPlace;
  /** Opens a queue in this process, which only assigns to it. */
  queue(name: string, bucket?: Duration): Promise<Queue>;
}

async function withServer(body: (bench: Bench) => Promise<void>): Promise<void> {
  // The newest: of older ones the guide says how many tasks they bear.
  const server = await startNatsServer({ version: natsVersions.at(-1) as NatsVersion });
  const place = { servers: [server.url], namespace: "bench" };
  const runtime: Runtime = createRuntime({ store: storeAt(place), logger: pino({ level: "silent" }) });
  console.log(`\nnats-server ${server.version}`);
  try {
    await body({
      place,
      queue: (name, bucket) => runtime.queue({ name, ...(bucket === undefined ? {} : { bucket }) }),
    });
  } finally {
    await runtime.stop();
    await server.stop();
  }
}

async function assign(queue: Queue, tasks: Iterable<Parameters<Queue["assign"]>[0]>, count: number): Promise<void> {
  const begun = performance.now();
  let told = 0;
  const { created, updated } = await queue.assignMany(tasks, {
    onProgress: (done) => {
      if (performance.now() - told < 200) return;
      told = performance.now();
      if (process.stderr.isTTY) process.stderr.write(`\r  assigning ${thousands(done)} of ${thousands(count)}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const rate = (count / (performance.now() - begun)) * 1_000;
  console.log(`  assigned ${thousands(created + updated)} in one call: ${thousands(rate)} a second`);
}

const settled = (count: number) => (worker: QueueWorkerProcess) =>
  worker.until(({ stats }) => stats?.owned === count && stats.loading === 0);

/** A million tasks that wait, two workers, one of which is killed. */
async function dormant({ place, queue: open }: Bench): Promise<void> {
  console.log(`\n${thousands(million)} repeating tasks that wait, two workers`);
  const last = new Map<string, number>();
  const lateness: number[] = [];
  const setup = { place, queue: "dormant", lease: "10s", each: true, together: true };
  const start = (): Promise<QueueWorkerProcess> =>
    startQueueWorker(setup, ({ runs }) => {
      for (const [id, due, at] of runs) {
        lateness.push(at - due);
        last.set(id, at);
      }
    });
  const [survivor, victim] = await Promise.all([start(), start()]);
  const queue = await open("dormant");
  const hour = 3_600_000;
  const base = now() + hour;
  function* tasks(): Generator<Parameters<Queue["assign"]>[0]> {
    for (let n = 0; n < million; n += 1) {
      yield { id: `user:${String(n)}`, payload: { user: n }, at: base + (n % hour), every: "1h" };
    }
  }
  await assign(queue, tasks(), million);
  await Promise.all([survivor, victim].map(settled(32)));
  await pause(15_000);
  await Promise.all([survivor, victim].map((worker) => worker.stats()));
  const seconds = 20;
  await pause(seconds * 1_000);
  for (const worker of [survivor, victim]) {
    const { stats, rss, cpuMs } = await worker.stats();
    const share = ((cpuMs / seconds / 1_000) * 100).toFixed(1);
    console.log(
      `  a worker with ${thousands(stats?.waiting ?? 0)} waiting: RSS ${thousands(rss / 1e6)} MB (limit 400), ` +
        `idle CPU ${share} % of a core (limit 2)`,
    );
  }
  // These show when the tasks of a partition run again.
  const probes = Array.from({ length: 256 }, (_, n) => `probe ${String(n)}`);
  await queue.assignMany(probes.map((id) => ({ id, payload: null, every: "1s" as const })));
  while (last.size < probes.length) await pause(100);
  await pause(3_000);
  const killed = now();
  victim.signal("SIGKILL");
  await settled(64)(survivor);
  while (Math.min(...last.values()) < killed + 1_000) await pause(20);
  const gap = Math.max(...[...last.keys()].map(() => now() - killed)) / 1_000;
  console.log(`  a killed worker's half runs elsewhere ${gap.toFixed(1)} s later (limit: lease of 10 s + 10 s)`);
  await survivor.stop();
}

/** Twenty thousand tasks that are due in the same second, one worker. */
async function burst({ place, queue: open }: Bench): Promise<void> {
  const count = 20_000;
  for (const claim of [true, false]) {
    console.log(`\n${thousands(count)} tasks due in the same second, one worker, claim: ${String(claim)}`);
    const name = `burst-${String(claim)}`;
    const ran = new Map<string, number>();
    const starts: number[] = [];
    const lateness: number[] = [];
    const worker = await startQueueWorker(
      { place, queue: name, lease: "10s", claim, each: true, together: true },
      ({ runs }) => {
        for (const [id, due, at] of runs) {
          ran.set(id, (ran.get(id) ?? 0) + 1);
          starts.push(at);
          lateness.push(at - due);
        }
      },
    );
    await settled(64)(worker);
    const queue = await open(name);
    const at = Math.ceil(now() / 1_000) * 1_000 + 6_000;
    const tasks = Array.from({ length: count }, (_, n) => ({ id: `job:${String(n)}`, payload: { n }, at }));
    await assign(queue, tasks, count);
    if (now() > at) console.log("  assigning took longer than there was time: lateness says nothing");
    while (ran.size < count) await pause(50);
    await worker.until(({ stats }) => stats?.running === 0 && stats.due === 0);
    const rate = (count / (Math.max(...starts) - at)) * 1_000;
    report(count, ran, lateness);
    const peer = claim ? await bullmqBurst(count) : undefined;
    const ratio =
      peer === undefined ? "" : `; BullMQ ${thousands(peer)} in the same run: ${(rate / peer).toFixed(1)} × that`;
    console.log(`  ${thousands(rate)} runs a second${ratio}`);
    await worker.stop();
  }
}

/** Two thousand tasks, each every second, for a minute. */
async function steady({ place, queue: open }: Bench): Promise<void> {
  const count = 2_000;
  const seconds = 60;
  console.log(`\n${thousands(count)} tasks every 1 s for ${String(seconds)} s, one worker, bucket 10 ms`);
  const ran = new Map<string, number>();
  const lateness: number[] = [];
  const from = Math.ceil(now() / 1_000) * 1_000 + 6_000;
  const setup = { place, queue: "steady", lease: "10s", bucket: "10ms", each: true, together: true };
  const worker = await startQueueWorker(setup, ({ runs }) => {
    for (const [id, due, at] of runs) {
      if (due >= from + seconds * 1_000) continue;
      ran.set(`${id} ${String(due)}`, (ran.get(`${id} ${String(due)}`) ?? 0) + 1);
      lateness.push(at - due);
    }
  });
  await settled(64)(worker);
  const queue = await open("steady", "10ms");
  const tasks = Array.from({ length: count }, (_, n) => {
    return { id: `job:${String(n)}`, payload: { n }, at: from + Math.floor((n * 1_000) / count), every: "1s" as const };
  });
  await assign(queue, tasks, count);
  await pause(from + seconds * 1_000 + 2_000 - now());
  await worker.stats();
  report(count * seconds, ran, lateness);
  await worker.stop();
}

function report(expected: number, ran: ReadonlyMap<string, number>, lateness: number[]): void {
  const doubled = [...ran.values()].filter((times) => times > 1).length;
  const at = (share: number): string => String(percentile(lateness, share));
  console.log(
    `  ${thousands(expected)} runs expected, ${thousands(expected - ran.size)} missed, ${thousands(doubled)} doubled; ` +
      `late by p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`,
  );
}

async function main(): Promise<void> {
  for (const [name, bench] of Object.entries({ dormant, burst, steady })) {
    if (only === undefined || only === name) await withServer(bench);
  }
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
