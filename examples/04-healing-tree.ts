/**
 * A tree with all three strategies, failing and healing before your eyes. Every second something is broken on purpose;
 * what the strategy takes along is restarted with it. It ends by itself after 15 seconds, or with Ctrl-C.
 *
 *     node --conditions ostinato-source -r ts-node/register examples/04-healing-tree.ts
 */
import { createRuntime, main, type SpawnSpec, type Strategy } from "ostinato";
import pino from "pino";

const runtime = createRuntime({ logger: pino({ level: "silent" }) });
const breakIt = new Map<string, () => void>();

/** A child that runs until it is stopped, or broken by {@link breakIt}. */
function child(name: string): SpawnSpec {
  return {
    name,
    retry: { initialDelay: 300, factor: 1, jitter: 0 },
    run: ({ signal }) =>
      new Promise<void>((resolve, reject) => {
        breakIt.set(name, () => reject(new Error(`${name} was broken`)));
        signal.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
}

const strategies: readonly Strategy[] = ["one_for_one", "one_for_all", "rest_for_one"];
for (const strategy of strategies) {
  runtime.supervise({
    name: strategy,
    strategy,
    intensity: { restarts: 10, within: "5s" },
    children: ["first", "second", "third"].map((place) => child(`${strategy} ${place}`)),
  });
}

/** The tree, drawn whenever it has changed. */
function draw(): void {
  const tree = runtime.toString();
  if (tree !== drawn) console.log(`${tree}\n`);
  drawn = tree;
}
let drawn = "";

let round = 0;
const breaking = setInterval(() => {
  const name = `${strategies[round++ % strategies.length] as string} second`;
  console.log(`breaking "${name}"`);
  breakIt.get(name)?.();
}, 1_000);
const drawing = setInterval(draw, 50);

const over = AbortSignal.timeout(15_000);
void main(runtime.task(), { signal: over, logger: pino({ level: "silent" }) }).then((code) => {
  clearInterval(breaking);
  clearInterval(drawing);
  draw();
  process.exitCode = code;
});
