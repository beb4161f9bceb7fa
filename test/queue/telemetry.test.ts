import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { createRuntime, discard } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

test("an OpenTelemetry SDK is told how deep a queue is, how its runs ended and how late they were", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);

  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const runtime = createRuntime({ clock, logger: pino({ level: "silent" }) });
  const queue = await runtime.queue<string>({
    name: "mail",
    partitions: 4,
    run: (payload) => {
      if (payload === "bad") throw discard(new Error("no such address"));
    },
  });
  await runtime.start();
  await clock.advance("5s");
  await queue.assign({ id: "a", payload: "good" });
  await queue.assign({ id: "b", payload: "bad" });
  await queue.assign({ id: "c", payload: "good", at: clock.now() + 3_600_000 });
  await clock.advance("5s");
  await provider.forceFlush();

  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .flatMap(({ descriptor, dataPoints }) => dataPoints.map((point) => ({ name: descriptor.name, ...point })));
  const value = (name: string, wanted: Record<string, string>): unknown =>
    points.find(
      (point) => point.name === name && Object.entries(wanted).every(([key, text]) => point.attributes[key] === text),
    )?.value;
  assert.is(value("ostinato.queue.depth", { queue: "mail", state: "waiting" }), 1);
  assert.is(value("ostinato.queue.depth", { queue: "mail", state: "running" }), 0);
  assert.is(value("ostinato.queue.runs", { queue: "mail", outcome: "succeeded" }), 1);
  assert.is(value("ostinato.queue.runs", { queue: "mail", outcome: "failed" }), 1);
  assert.is(value("ostinato.queue.dead_letters", { queue: "mail" }), 1);
  assert.is(value("ostinato.queue.partitions", { queue: "mail" }), 4);
  assert.is(value("ostinato.queue.partitions.unserved", { queue: "mail" }), 0);
  assert.type(value("ostinato.queue.lateness", { queue: "mail", quantile: "p99" }), "number");

  const stopped = runtime.stop();
  await clock.advance("1m");
  await stopped;
  await provider.shutdown();
});

test.run();
