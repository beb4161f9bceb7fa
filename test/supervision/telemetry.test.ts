import { metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createRuntime, interval } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const logger = pino({ level: "silent" });

test("without an SDK nothing is told, and with one every run is a span and is counted", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const before = createRuntime({ clock, logger });
  before.spawn({ name: "t", schedule: interval("1m"), run: () => undefined });
  await before.start();
  await clock.advance("5m");
  await before.stop();

  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  const kept = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: kept, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);

  const runtime = createRuntime({ clock, logger });
  runtime.spawn({ name: "works", schedule: interval("1m"), run: () => undefined });
  runtime.spawn({
    name: "fails",
    schedule: interval("1h"),
    retry: { initialDelay: "1h" },
    run: () => {
      throw new Error("no luck");
    },
  });
  runtime.spawn({ name: "restarts", retry: { initialDelay: "1m", jitter: 0 }, run: () => undefined });
  await runtime.start();
  await clock.advance("150s");
  await provider.forceFlush();

  const spans = exporter.getFinishedSpans();
  assert.is(spans.filter(({ name }) => name === "run works").length, 3);
  const failed = spans.find(({ name }) => name === "run fails")!;
  assert.is(failed.status.code, SpanStatusCode.ERROR);
  assert.is(failed.attributes["ostinato.outcome"], "failed");
  assert.is(failed.attributes["ostinato.attempt"], 1);
  assert.is(failed.events[0]?.name, "exception");

  const told = kept.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const sum = (name: string, wanted: Record<string, string>): number => {
    const points = told
      .filter(({ descriptor }) => descriptor.name === name)
      .flatMap(({ dataPoints }) => dataPoints as { attributes: Record<string, unknown>; value: unknown }[]);
    return points
      .filter(({ attributes }) => Object.entries(wanted).every(([key, value]) => attributes[key] === value))
      .reduce((all, { value }) => all + (typeof value === "number" ? value : (value as { count: number }).count), 0);
  };
  assert.is(sum("ostinato.runs", { task: "works", outcome: "succeeded" }), 3);
  assert.is(sum("ostinato.failures", { task: "fails" }), 1);
  assert.ok(sum("ostinato.restarts", { task: "restarts" }) >= 1);
  assert.is(sum("ostinato.run.duration", { task: "works" }), 3);
  assert.is(sum("ostinato.run.lateness", { task: "works" }), 3);
  assert.ok(sum("ostinato.tasks", {}) >= 3);
  await runtime.stop();
  await provider.shutdown();
});

test.run();
