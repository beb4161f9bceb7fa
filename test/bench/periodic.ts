/**
 * Ten thousand periodic tasks in one process: how fast they are spawned and stopped, what they weigh, how late they
 * start, and the highest rate of runs that one core sustains, beside croner in the same run.
 */
import { Cron } from "croner";
import { createRuntime, interval, type Runtime } from "ostinato";
import pino from "pino";
import { percentile } from "../helpers/percentile";

const count = 10_000;
const every = 5_000;
const seconds = Number(process.env["BENCH_SECONDS"] ?? 15);
const quiet = pino({ level: "silent" });

const heap = (): number => {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Measured {
  spawnMs: number;
  heapKb: number;
  runs: number;
  expected: number;
  p50: number;
  p99: number;
  stopMs: number;
}

async function measure(anchorOf: (index: number, base: number) => Date): Promise<Measured> {
  const before = heap();
  const runtime: Runtime = createRuntime({ logger: quiet });
  const lateness: number[] = [];
  const base = Date.now() + 3_000;
  const begun = performance.now();
  for (let index = 0; index < count; index++) {
    runtime.spawn({
      name: `task-${String(index)}`,
      schedule: interval(every, { anchor: anchorOf(index, base) }),
      run: ({ scheduledAt }) => lateness.push(Date.now() - scheduledAt.getTime()),
    });
  }
  await runtime.start();
  const spawnMs = performance.now() - begun;
  const weight = (heap() - before) / count / 1024;
  await pause(base - Date.now());
  lateness.length = 0;
  await pause(seconds * 1_000);
  const runs = lateness.length;
  const stopping = performance.now();
  await runtime.stop();
  return {
    spawnMs,
    heapKb: weight,
    runs,
    expected: (count * seconds * 1_000) / every,
    p50: percentile(lateness, 0.5),
    p99: percentile(lateness, 0.99),
    stopMs: performance.now() - stopping,
  };
}

async function croner(): Promise<{ heapKb: number; p99: number }> {
  const before = heap();
  const lateness: number[] = [];
  const jobs: Cron[] = [];
  for (let index = 0; index < count; index++) {
    jobs.push(new Cron("*/5 * * * * *", () => void lateness.push(Date.now() % every)));
  }
  const weight = (heap() - before) / count / 1024;
  await pause(seconds * 1_000);
  for (const job of jobs) job.stop();
  return { heapKb: weight, p99: percentile(lateness, 0.99) };
}

/** Runs a second of one task after another, each triggered by the end of the one before, through the whole machinery. */
async function rate(): Promise<number> {
  const runtime = createRuntime({ logger: quiet });
  let runs = 0;
  const tasks = 200;
  for (let index = 0; index < tasks; index++) {
    runtime.spawn({
      name: `fast-${String(index)}`,
      schedule: interval(2),
      minCycle: 1,
      maxCycle: "1h",
      run: () => (runs += 1),
    });
  }
  await runtime.start();
  await pause(1_000);
  const from = runs;
  const begun = performance.now();
  await pause(4_000);
  const perSecond = ((runs - from) / (performance.now() - begun)) * 1_000;
  await runtime.stop();
  return perSecond;
}

async function bench(): Promise<void> {
  const spread = await measure((index, base) => new Date(base + Math.floor((index * every) / count)));
  console.log("10,000 tasks of interval(5s), anchors spread over the 5 s:", spread);
  const together = await measure((_, base) => new Date(base));
  console.log("10,000 tasks of interval(5s), all on the same instant:", together);
  const peer = await croner();
  console.log("croner, 10,000 jobs every 5 s on the same instant:", peer);
  console.log(`heap per task, ratio to croner: ${(together.heapKb / peer.heapKb).toFixed(2)}`);
  console.log(`p99 lateness on the same instant, ratio to croner: ${(together.p99 / peer.p99).toFixed(2)}`);
  console.log(`runs a second that one core sustains: ${Math.round(await rate()).toString()}`);
}

void bench();
