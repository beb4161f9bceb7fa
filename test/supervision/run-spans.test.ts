import { context, trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createRuntime, interval } from "ostinato";
import { virtualClock } from "ostinato/testing";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { asyncContexts } from "../helpers/async-contexts";

const logger = pino({ level: "silent" });
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
context.setGlobalContextManager(asyncContexts());
const tracer = trace.getTracer("mine");

const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

test.before.each(() => exporter.reset());

test("spans that a periodic task starts are children of its run's span, after an await too", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const runtime = createRuntime({ clock, logger });
  runtime.spawn({
    name: "sync",
    schedule: interval("1m"),
    run: async () => {
      tracer.startSpan("at once").end();
      await Promise.resolve();
      tracer.startSpan("later").end();
    },
  });
  await runtime.start();
  await clock.advance("150s");
  await runtime.stop();
  const runs = spans("run sync");
  assert.is(runs.length, 3);
  for (const name of ["at once", "later"]) {
    assert.equal(
      spans(name).map(({ parentSpanContext }) => parentSpanContext?.spanId),
      runs.map((run) => run.spanContext().spanId),
    );
  }
});

test("each run of an assigned task is a span named after its queue, a root, and the parent of what it starts", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const runtime = createRuntime({ clock, logger });
  const queue = await runtime.queue<string>({
    name: "mail",
    partitions: 2,
    run: async (payload) => {
      await Promise.resolve();
      tracer.startSpan("send").end();
      if (payload === "first") await queue.assign({ id: "b", payload: "second" });
    },
  });
  await runtime.start();
  await clock.advance("5s");
  await tracer.startActiveSpan("request", async (span) => {
    await queue.assign({ id: "a", payload: "first" });
    span.end();
  });
  await clock.advance("5s");
  const stopped = runtime.stop();
  await clock.advance("1m");
  await stopped;
  const runs = spans("run mail");
  assert.equal(
    runs.map(({ attributes }) => [attributes["ostinato.queue"], attributes["ostinato.task"]]),
    [
      ["mail", "a"],
      ["mail", "b"],
    ],
  );
  assert.equal(
    runs.map(({ parentSpanContext, attributes }) => [parentSpanContext, attributes["ostinato.outcome"]]),
    [
      [undefined, "succeeded"],
      [undefined, "succeeded"],
    ],
  );
  assert.equal(
    spans("send").map(({ parentSpanContext }) => parentSpanContext?.spanId),
    runs.map((run) => run.spanContext().spanId),
  );
});

test("a run that was given up has its span ended by the runtime's stop, without an outcome", async () => {
  const clock = virtualClock({ start: "2026-01-01T00:00:00Z" });
  const runtime = createRuntime({ clock, logger, shutdownTimeout: "1s" });
  runtime.spawn({ name: "stuck", schedule: interval("1m"), run: () => new Promise(() => undefined) });
  await runtime.start();
  await clock.advance("1s");
  const stopped = runtime.stop();
  await clock.advance("10m");
  await stopped;
  const [span] = spans("run stuck");
  assert.ok(span);
  assert.is(span.attributes["ostinato.outcome"], undefined);
});

test.run();
