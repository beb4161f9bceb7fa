/**
 * What short lives leave behind: a million short-lived children of one supervisor, a thousand at a time, and 100,000
 * restarts of one child. The heap is measured after collection, before and after.
 */
import { createRuntime } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";

const lives = Number(process.env["BENCH_LIVES"] ?? 1_000_000);
const restarts = Number(process.env["BENCH_RESTARTS"] ?? 100_000);
const goalMb = 5;
const quiet = pino({ level: "silent" });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function heapMb(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    await turn();
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function progress(what: string, done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${((100 * done) / of).toFixed(0)} %  `);
}

function tell(what: string, count: number, seconds: number, grownMb: number): void {
  if (process.stderr.isTTY) process.stderr.write("\r");
  const rate = Math.round(count / seconds).toLocaleString("en");
  const verdict = grownMb <= goalMb ? "within" : "BEYOND";
  console.log(
    `${count.toLocaleString("en")} ${what}: ${seconds.toFixed(1)} s, ${rate} a second; ` +
      `heap ${grownMb >= 0 ? "+" : ""}${grownMb.toFixed(2)} MB, ${verdict} the ${String(goalMb)} MB allowed`,
  );
}

async function shortLives(): Promise<void> {
  const runtime = createRuntime({ logger: quiet });
  await runtime.start();
  let runs = 0;
  const run = (): void => void (runs += 1);
  const batch = async (size: number): Promise<void> => {
    for (let index = 0; index < size; index += 1) {
      runtime.spawn({ name: `short-${String(index)}`, restart: "temporary", run });
    }
    while (runtime.get(`short-${String(size - 1)}`) !== undefined) await turn();
  };
  await batch(1_000);
  runs = 0;
  const before = await heapMb();
  const begun = performance.now();
  while (runs < lives) {
    await batch(Math.min(1_000, lives - runs));
    progress("short-lived children", runs, lives);
  }
  const seconds = (performance.now() - begun) / 1_000;
  tell("short-lived children", runs, seconds, (await heapMb()) - before);
  await runtime.stop();
}

/** On the virtual clock, because timers of the real one take a millisecond each. */
async function manyRestarts(): Promise<void> {
  const clock = virtualClock();
  const runtime = createRuntime({ logger: quiet, clock });
  let starts = 0;
  runtime.supervise({
    name: "group",
    intensity: { restarts: 10, within: 1 },
    children: [
      {
        name: "sick",
        retry: { initialDelay: 1, maxDelay: 1, jitter: 0 },
        run: () => {
          starts += 1;
          throw new Error("sick");
        },
      },
    ],
  });
  await runtime.start();
  await clock.advance(1_000);
  const before = await heapMb();
  starts = 0;
  const begun = performance.now();
  while (starts < restarts) {
    await clock.advance(1_000);
    progress("restarts", starts, restarts);
  }
  const seconds = (performance.now() - begun) / 1_000;
  tell("restarts of one child", starts, seconds, (await heapMb()) - before);
  await runtime.stop();
}

async function bench(): Promise<void> {
  await shortLives();
  await manyRestarts();
}

void bench();
