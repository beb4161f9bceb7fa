import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { memoryStore } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import tasks, { ledger } from "../../examples/05-cluster";
import { startNatsServer } from "../helpers/nats-server";
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

test("the command runs it in three processes on one server: each tick of an exclusive task in one of them", async () => {
  const server = await startNatsServer();
  const command = ["--conditions", "ostinato-source", "-r", "ts-node/register", "src/cli/index.ts"];
  const lines: { pid: number; event?: string; task?: string; scheduledAt?: string; msg: string }[] = [];
  const heard = new Set<() => void>();
  const processes = [1, 2, 3].map(() => {
    const child = spawn(process.execPath, [...command, "run", "examples/05-cluster.ts", "--store", server.url], {
      cwd: join(__dirname, "../.."),
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(JSON.parse(line) as (typeof lines)[number]);
      for (const look of [...heard]) look();
    });
    return child;
  });
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (holds()) resolve();
      };
      heard.add(look);
      look();
    });
  const starts = (task: string) => lines.filter((line) => line.event === "START" && line.task === task);
  await until(() => new Set(starts("cache").map(({ pid }) => pid)).size === 3);
  await until(() => starts("invoices").length >= 2);
  const ticks = starts("invoices").map(({ scheduledAt }) => scheduledAt);
  assert.is(new Set(ticks).size, ticks.length);
  const codes = processes.map(async (child) => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    return ((await ended) as [number])[0];
  });
  assert.equal(await Promise.all(codes), [0, 0, 0]);
  await server.stop();
});

test.run();
