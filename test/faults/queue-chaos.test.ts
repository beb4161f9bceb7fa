// time limit: 400 s
import { systemClock } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runChaos, type ChaosOptions } from "../helpers/chaos";

const configurations: readonly (readonly [name: string, options: Omit<ChaosOptions, "seed">])[] = [
  ["one server 2.9.10", { version: "2.9.10", servers: 1, storage: "file", duration: 10_000 }],
  ["one server 2.15.1", { version: "2.15.1", servers: 1, storage: "file", duration: 15_000 }],
  ["one server 2.15.1 that forgets", { version: "2.15.1", servers: 1, storage: "memory", duration: 10_000 }],
  ["three servers 2.15.1", { version: "2.15.1", servers: 3, storage: "file", duration: 20_000 }],
];

for (const [name, options] of configurations) {
  const faults =
    "kills, freezes and outages lose nothing, run nothing twice without a reason and leave no partition unserved";
  test(`${name}: ${options.duration / 1_000} s of ${faults}`, async () => {
    const seed = systemClock.now();
    try {
      const summary = await runChaos({ ...options, seed });
      console.log(`      seed ${seed}: ${summary}`);
      assert.ok(summary.includes("runs"));
    } catch (error) {
      console.log(`      seed ${seed}`);
      throw error;
    }
  });
}

test.run();
