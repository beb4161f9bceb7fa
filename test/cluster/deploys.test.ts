import { interval, type Runtime } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onEveryStore } from "../helpers/world";

onEveryStore("while a deploy rolls, each task is claimed by nodes that have it only, and all go on", async (world) => {
  const { clock } = world;
  const runs: string[] = [];
  const node = (nodeId: string, names: string[]): Runtime => {
    const runtime = world.runtime({ nodeId, lease: "3s" });
    for (const name of names) {
      runtime.spawn({ name, schedule: interval("1m"), run: () => void runs.push(`${name} on ${nodeId}`) });
    }
    return runtime;
  };
  const whoRan = (): string[] => [...new Set(runs.splice(0))].sort();

  const old = node("old", ["kept", "removed"]);
  await old.start();
  await clock.advance("10m");
  assert.equal(whoRan(), ["kept on old", "removed on old"]);

  const fresh = node("fresh", ["kept", "added"]);
  await fresh.start();
  await clock.advance("10m");
  assert.equal(runs.filter((run) => run.startsWith("kept")).length, 10, "once a minute, whoever of the two was first");
  const both = whoRan();
  assert.ok(both.includes("added on fresh") && both.includes("removed on old"));
  assert.not.ok(both.includes("added on old") || both.includes("removed on fresh"), both.join(", "));

  const stopping = old.stop();
  await clock.advance("1m");
  await stopping;
  runs.length = 0;
  await clock.advance("10m");
  assert.equal(whoRan(), ["added on fresh", "kept on fresh"]);

  const back = node("back", ["removed"]);
  await back.start();
  await clock.advance("1m");
  assert.equal(whoRan().includes("removed on back"), true, "its record has waited for a node that has the task");
});

test.run();
