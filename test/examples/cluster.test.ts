import { memoryStore } from "ostinato";
import * as assert from "uvu/assert";
import { test } from "uvu";
import tasks, { ledger } from "../../examples/05-cluster";
import { inMemory } from "../helpers/world";

inMemory("three processes with the cluster example's tasks do each exclusive one once", async (world) => {
  const store = memoryStore();
  const nodes = ["a", "b", "c"].map((nodeId) => world.runtime({ nodeId, store }));
  for (const node of nodes) {
    tasks(node);
    await node.start();
  }
  await world.clock.advance("95s");
  assert.is(ledger.lines.length, 10);
  assert.is(new Set(ledger.lines).size, 10);
  const messages = (text: string) => world.lines.filter(({ msg }) => msg === text).length;
  assert.is(messages("invoices written"), 10);
  assert.is(messages("cache warmed"), 12);
  await world.clock.advanceTo("2026-01-01T05:31:00Z");
  assert.is(messages("report sent"), 1);
});

test.run();
