/*
 * How fast is `next`, beside croner's `nextRun`, with a zone? Both answer the same questions in turns within one
 * process; the ratio of the medians counts. Ends with 1 where a target is missed.
 */
import { croner, ostinato, type Peer } from "./peers";

const zone = "Europe/Paris";
const cases: [name: string, expression: string, target: number][] = [
  ["daily", "0 12 * * *", 1.5],
  ["monthly", "0 12 L * *", 1.5],
  ["cron, elapsed", "*/15 * * * *", 1],
  ["cron, office hours", "*/20 8-18 * * mon-fri", 1],
  ["cron, seconds", "*/10 * * * * *", 1],
];
const rounds = Number(process.env["ROUNDS"] ?? 9);
const questions = 2_000;
const from = Date.UTC(2026, 0, 1);
// Seventeen hours and a bit apart: every season, hour and change of four years comes up.
const step = 17 * 3_600_000 + 1_234_567;

function perSecond(ask: (after: number) => number | undefined): number {
  const began = performance.now();
  for (let index = 0; index < questions; index += 1) ask(from + index * step);
  return (questions / (performance.now() - began)) * 1_000;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

let missed = 0;
const peers: Peer[] = [ostinato, croner];
console.log(`next with a zone (${zone}), answers a second: median of ${String(rounds)} rounds of ${String(questions)}`);
for (const [name, expression, target] of cases) {
  const asks = peers.map((peer) => peer.prepare(expression, zone));
  for (const ask of asks) perSecond(ask);
  const speeds: number[][] = peers.map(() => []);
  for (let round = 0; round < rounds; round += 1) asks.forEach((ask, index) => speeds[index]?.push(perSecond(ask)));
  const [own, other] = speeds.map(median) as [number, number];
  const ratio = own / other;
  if (ratio < target) missed += 1;
  const speed = (value: number): string => Math.round(value).toLocaleString("en-US").padStart(11);
  const verdict = ratio < target ? "MISSED" : "kept";
  console.log(
    `${name.padEnd(20)} ostinato ${speed(own)}  croner ${speed(other)}  ratio ${ratio.toFixed(1)} (target ${String(target)}: ${verdict})`,
  );
}
process.exitCode = missed === 0 ? 0 : 1;
