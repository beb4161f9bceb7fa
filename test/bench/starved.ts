/**
 * Ten thousand tasks of interval(5s) in a process that gets a part of a processor: how many runs it makes of those that
 * fall due, beside croner under the same quota. The quota is a duty cycle: the process is stopped for the rest of each
 * tenth of a second.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const fixture = join(__dirname, "../fixtures/starved-tasks.ts");
const shares = (process.env["BENCH_SHARES"] ?? "1,0.2,0.05").split(",").map(Number);
const seconds = process.env["BENCH_SECONDS"] ?? "15";
const period = 100;

async function measure(kind: string, share: number): Promise<string> {
  const execArgv = ["--conditions", "ostinato-source", "-r", "ts-node/register"];
  const child = fork(fixture, [kind, "10000", "5", seconds], { execArgv });
  await once(child, "message");
  let pause: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGSTOP");
    pause = setTimeout(() => child.kill("SIGCONT"), period * (1 - share));
  };
  child.send("go");
  const beat = share < 1 ? setInterval(stop, period) : undefined;
  const [told] = (await once(child, "message")) as [{ runs: number; due: number; cpuSeconds: number }];
  clearInterval(beat);
  clearTimeout(pause);
  child.kill("SIGCONT");
  const { runs, due, cpuSeconds } = told;
  await once(child, "exit");
  const cost = `${((1e6 * cpuSeconds) / runs).toFixed(0)} µs of CPU a run`;
  return `${kind}, ${(100 * share).toFixed(0)} % of a processor: ${String(runs)} of ${String(due)} runs, ${cost}`;
}

async function bench(): Promise<void> {
  for (const share of shares) for (const kind of ["ostinato", "croner"]) console.log(await measure(kind, share));
}

void bench();
