import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { createRuntime, interval, memoryStore, type RevisionMap, type Store } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { measuredMap } from "../../src/cluster/store-telemetry";

interface Point {
  attributes: Record<string, unknown>;
  value: { count: number; sum: number };
}

test("without an SDK the map is the store's own; with one each call is measured by operation, kind and outcome", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const inner = memoryStore();
  await inner.open();
  const plain = inner.map("m");
  const slow: RevisionMap = {
    ...plain,
    get: async (key) => {
      await clock.advance(250);
      if (key === "broken") throw new Error("out of reach");
      return plain.get(key);
    },
    create: (key, value) => plain.create(key, value),
    update: (key, value, revision) => plain.update(key, value, revision),
    delete: (key, revision) => plain.delete(key, revision),
    list: (prefix) => plain.list(prefix),
    watch: (prefix, listener) => plain.watch(prefix, listener),
  };
  const store: Store = { ...inner, description: "nats nats://secret.example namespace x", map: () => slow };
  assert.is(measuredMap(store, "m", clock), slow);

  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  const map = measuredMap(store, "m", clock);
  const created = await map.create("k", "1");
  assert.ok(created.ok);
  assert.not((await map.create("k", "2")).ok);
  assert.is((await map.get("k"))?.value, "1");
  assert.is(await map.get("broken").then(String, String), "Error: out of reach");
  for await (const { key } of map.list("")) {
    assert.is(key, "k");
    await clock.advance("1h");
  }
  for await (const entry of map.list("")) if (entry.key !== "") break;
  assert.ok((await map.delete("k", created.revision)).ok);

  const runtime = createRuntime({ clock, logger: pino({ level: "silent" }) });
  runtime.spawn({ name: "t", schedule: interval("1m"), exclusive: true, run: () => undefined });
  await runtime.start();
  await clock.advance("30s");
  await runtime.stop();
  await provider.forceFlush();
  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .filter(({ descriptor }) => descriptor.name === "ostinato.store.duration")
    .flatMap(({ dataPoints }) => dataPoints as unknown as Point[]);
  const at = (operation: string, outcome: string, kind = "nats"): Point["value"] | undefined =>
    points.find(
      ({ attributes }) =>
        attributes["operation"] === operation && attributes["outcome"] === outcome && attributes["store"] === kind,
    )?.value;
  assert.is(at("create", "ok")?.count, 1);
  assert.is(at("create", "conflict")?.count, 1);
  assert.is(at("get", "ok")?.sum, 0.25);
  assert.is(at("get", "error")?.count, 1);
  assert.is(at("list", "ok")?.count, 2);
  assert.is(at("list", "ok")?.sum, 0, "what the reader does is not the store's time");
  assert.is(at("delete", "ok")?.count, 1);
  assert.ok((at("update", "ok", "memory")?.count ?? 0) >= 1, "a runtime's claims are measured");
  await provider.shutdown();
});

test.run();
