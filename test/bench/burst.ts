/**
 * A burst of concurrent `assign` calls on one queue over a real nats-server: CPU and memory of this process for each
 * call, at growing sizes of the burst. A call must not become dearer because more are waiting.
 */
import { createRuntime, memoryStore, natsStore, type Store } from "ostinato";
import pino from "pino";
import { startNatsServer } from "../helpers/nats-server";

const sizes = (process.env["BENCH_BURSTS"] ?? "10000,50000,150000").split(",").map(Number);

async function burst(store: Store, count: number): Promise<{ cpu: number; mb: number; seconds: number }> {
  const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
  await runtime.start();
  const queue = await runtime.queue<number>({ name: `burst-${String(count)}` });
  await Promise.all(
    Array.from({ length: 2_000 }, (_, index) => queue.assign({ id: `warm-${String(index)}`, payload: 0 })),
  );
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: count }, (_, index) => queue.assign({ id: `task-${String(index)}`, payload: 1 })),
  );
  const { user, system } = process.cpuUsage(cpu);
  const figures = {
    cpu: (user + system) / count,
    mb: (process.memoryUsage().rss - before) / 2 ** 20,
    seconds: (performance.now() - begun) / 1_000,
  };
  await runtime.stop();
  return figures;
}

async function bench(): Promise<void> {
  const server = await startNatsServer();
  try {
    for (const [name, make] of [
      ["memory", () => memoryStore()],
      ["nats", () => natsStore({ servers: server.url })],
    ] as const) {
      for (const size of sizes) {
        const { cpu, mb, seconds } = await burst(make(), size);
        console.log(
          `${name}: ${size.toLocaleString("en")} concurrent assigns: ${cpu.toFixed(1)} µs of CPU each, ` +
            `${mb.toFixed(0)} MB more, ${seconds.toFixed(1)} s`,
        );
      }
    }
  } finally {
    await server.stop();
  }
}

void bench();
