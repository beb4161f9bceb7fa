/**
 * What the inspector costs: the share of throughput with nobody looking, and how long the event loop is held with a page
 * open on ten thousand actors that are at work.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createRuntime, interval } from "ostinato";
import { createInspector } from "ostinato/inspector";
import pino from "pino";
import { openBrowser } from "../helpers/browser";

const quiet = pino({ level: "silent" });
const seconds = Number(process.env["BENCH_SECONDS"] ?? 1);
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 15);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/**
 * Processor time of a run in microseconds, of tasks that are always due: with and without an inspector by turns, on one
 * warm runtime. A core that does nothing else makes 1,000,000 divided by it a second; other work on the machine, which
 * would count in runs a second, does not count in this.
 */
async function costOfRun(): Promise<{ without: number; with: number; cost: string }> {
  const runtime = createRuntime({ logger: quiet });
  let runs = 0;
  for (let index = 0; index < 200; index++) {
    const spec = { name: `fast-${String(index)}`, schedule: interval(2), minCycle: 1, maxCycle: "1h" as const };
    runtime.spawn({ ...spec, run: () => (runs += 1) });
  }
  await runtime.start();
  await pause(2_000);
  const measure = async (): Promise<number> => {
    const [from, begun] = [runs, process.cpuUsage()];
    await pause(seconds * 1_000);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / (runs - from);
  };
  const rates = { without: [] as number[], with: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    rates.without.push(await measure());
    const inspector = await createInspector(runtime, { port: 0 });
    rates.with.push(await measure());
    await inspector.close();
  }
  await runtime.stop();
  const [without, beside] = [median(rates.without), median(rates.with)];
  return { without, with: beside, cost: `${((beside / without - 1) * 100).toFixed(1)} %` };
}

/** Delay of the event loop in milliseconds, 10,000 tasks each running every 10 s, with no page, and with one. */
async function delay(): Promise<Record<string, number>> {
  const runtime = createRuntime({ logger: quiet });
  const base = Date.now();
  for (let index = 0; index < 10_000; index++) {
    const schedule = interval("10s", { anchor: new Date(base + index) });
    runtime.spawn({ name: `task-${String(index)}`, schedule, run: () => undefined });
  }
  await runtime.start();
  const inspector = await createInspector(runtime, { port: 0 });
  await pause(12_000);
  const measure = async (): Promise<[number, number]> => {
    const histogram = monitorEventLoopDelay({ resolution: 5 });
    histogram.enable();
    await pause(10_000);
    histogram.disable();
    return [histogram.percentile(99) / 1e6, histogram.max / 1e6];
  };
  const [p99Without, maxWithout] = await measure();
  const browser = await openBrowser();
  const page = await browser.newPage();
  await page.goto(`${inspector.url}#/tree/task-0`);
  await page.waitForSelector("text=10,001 actors");
  const [p99With, maxWith] = await measure();
  await browser.close();
  await inspector.close();
  await runtime.stop();
  return { p99Without, maxWithout, p99With, maxWith };
}

async function bench(): Promise<void> {
  console.log("µs of processor time a run, without an inspector and with one that nobody looks at:", await costOfRun());
  console.log("event loop delay (ms), 10,000 actors, no page and one page open:", await delay());
}

void bench();
