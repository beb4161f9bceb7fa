// npm run fuzz -- --count 1000000 --seed 7
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz";

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, seed: { type: "string" } },
});
const count = Number(values.count);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const begun = performance.now();

console.log(`${count} cases of seed ${seed}; the same again: npm run fuzz -- --count ${count} --seed ${seed}`);
let shown = 0;
const progress = (done: number): void => {
  const seconds = (performance.now() - begun) / 1_000;
  if (seconds - shown < 10 && done < count) return;
  shown = seconds;
  console.log(`${done} of ${count} after ${Math.round(seconds)} s`);
};
fuzz({ count, seed, progress }).then(
  (tried) => {
    console.log(`no crash, no hang, no error without a code: ${JSON.stringify(tried)}`);
    process.exit(0);
  },
  (error: unknown) => {
    console.error(`seed ${seed}:`, error);
    process.exit(1);
  },
);
