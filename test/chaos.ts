// The chaos test at length: node … test/chaos.ts [--seeds 10] [--first SEED] [--seconds 60] [--on NAME]
// Every third seed lets the servers store in memory, and lose it. Prints a line for each run and ends with a count.
import { parseArgs } from "node:util";
import { runChaos, type ChaosOptions } from "./helpers/chaos";

const places: Record<string, Pick<ChaosOptions, "version" | "servers">> = {
  "2.9.10": { version: "2.9.10", servers: 1 },
  "2.15.1": { version: "2.15.1", servers: 1 },
  "2.15.1x3": { version: "2.15.1", servers: 3 },
};

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10" },
    first: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    on: { type: "string", multiple: true, default: Object.keys(places) },
  },
});

async function main(): Promise<void> {
  let passed = 0;
  let failed = 0;
  for (const name of values.on) {
    const place = places[name];
    if (place === undefined) throw new Error(`--on: expected one of ${Object.keys(places).join(", ")}; got ${name}`);
    for (let number = 0; number < Number(values.seeds); number += 1) {
      const seed = Number(values.first) + number;
      const storage = seed % 3 === 0 ? "memory" : "file";
      const about = `${name} seed ${seed} on ${storage}`;
      try {
        const summary = await runChaos({ ...place, storage, seed, duration: Number(values.seconds) * 1_000 });
        passed += 1;
        console.log(`ok  ${about}: ${summary}`);
      } catch (error) {
        failed += 1;
        console.log(`RED ${about}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

void main();
