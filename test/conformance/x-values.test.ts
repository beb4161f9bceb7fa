import { createRuntime, interval, type RuntimeEvent } from "ostinato";
import { createInspector } from "ostinato/inspector";
import { map } from "rxjs";
import type { Logger } from "pino";
import type { AnyActorRef } from "xstate";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inMemory, onEveryStore, type World } from "../helpers/world";

const hourly = interval("1h");

/** Rejections and exceptions of this process that nobody caught while `body` ran. */
async function uncaughtDuring(body: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (error: unknown): void => void seen.push(error);
  process.on("uncaughtException", note);
  try {
    await body();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("uncaughtException", note);
  }
  return seen;
}

/** How often a line with this message was written. */
const told = (world: World, message: RegExp): number => world.lines.filter(({ msg }) => message.test(msg)).length;

inMemory("X1 an error whose message is an object fails its run like any other, and is retried", async (world) => {
  const failed: Extract<RuntimeEvent, { type: "failed" }>[] = [];
  const runtime = world.runtime();
  runtime.events.subscribe((event) => event.type === "failed" && failed.push(event));
  runtime.spawn({
    name: "bad",
    schedule: hourly,
    retry: { initialDelay: "1s", maxDelay: "1s", limit: 2 },
    run: () => {
      throw Object.assign(new Error(), { status: 422, message: { field: "iban" } });
    },
  });
  const good = runtime.spawn({ name: "good", schedule: hourly, run: () => undefined });
  await runtime.start();
  await world.clock.advance("10s");
  assert.equal(
    failed.map(({ err }) => err.message),
    Array(3).fill('{"field":"iban"}'),
  );
  assert.is(good.status().lastRun?.outcome, "succeeded");
});

onEveryStore("X1 an error text of 2 MB is cut short in the record, the letter and the events", async (world) => {
  const runtime = world.runtime();
  const bad = runtime.spawn({
    name: "bad",
    schedule: hourly,
    retry: { limit: 0 },
    run: () => {
      throw new Error("<html>".repeat(350_000));
    },
  });
  const queue = await runtime.queue({
    name: "q",
    bucket: "10ms",
    retry: { limit: 0 },
    run: () => Promise.reject(new Error("<html>".repeat(350_000))),
  });
  await runtime.start();
  await queue.assign({ id: "bad", payload: 1 });
  for (let look = 0; look < 100; look++) {
    await world.clock.advance("200ms");
    if (bad.status().lastError !== undefined && queue.stats()?.deadLetters === 1) break;
  }
  assert.is(Buffer.byteLength(bad.status().lastError ?? ""), 4_096);
  for await (const letter of queue.deadLetters()) assert.is(Buffer.byteLength(letter.error), 4_096);
  assert.is(queue.stats()?.deadLetters, 1);
});

inMemory("X1 progress of any kind is told in figures and bounded text", async (world) => {
  const notes: unknown[] = [];
  const runtime = world.runtime();
  runtime.events.subscribe((event) => event.type === "progress" && notes.push([event.done, event.total, event.note]));
  runtime.spawn({
    name: "p",
    schedule: hourly,
    run: ({ progress }) => {
      progress(1, 2, "x".repeat(100_000));
      progress("half" as never, 10n as never, { toJSON: () => Symbol("note") } as never);
    },
  });
  await runtime.start();
  await world.clock.advance(0);
  assert.equal(notes, [
    [1, 2, `${"x".repeat(4_093)}…`],
    [0, undefined, "Symbol(note)"],
  ]);
});

inMemory("X1 a run that returns what nobody reads fails with a code", async (world) => {
  const errors: string[] = [];
  const runtime = world.runtime();
  runtime.events.subscribe((event) => {
    if (event.type === "failed") errors.push(`${event.task} ${(event.err as { code?: string }).code ?? ""}`);
    if (event.type === "finished") errors.push(`${event.task} finished`);
  });
  const lazy = async function* () {
    yield 1;
  };
  const spawn = (name: string, run: () => unknown) =>
    runtime.spawn({ name, schedule: hourly, retry: { limit: 0 }, run });
  spawn("iterator", () => [1].values());
  spawn("async iterator", () => lazy());
  spawn("later", async () => lazy());
  spawn("list", () => [1, 2]);
  for (const run of [lazy, function* () {}, class Local extends Error {}])
    assert.throws(() => spawn("refused", run as never), /run: expected/);
  await runtime.start();
  await world.clock.advance(0);
  assert.equal(errors.sort(), [
    "async iterator ERR_INVALID_OPTION",
    "iterator ERR_INVALID_OPTION",
    "later ERR_INVALID_OPTION",
    "list finished",
  ]);
});

inMemory(
  "X2 a listener to the events that throws, now or later, is reported once and the others go on",
  async (world) => {
    const runtime = world.runtime();
    const seen: string[] = [];
    const uncaught = await uncaughtDuring(async () => {
      runtime.events.subscribe(() => {
        throw new Error("at once");
      });
      const later: () => unknown = () => Promise.reject(new Error("later"));
      runtime.events.subscribe(later);
      runtime.events.pipe(map((event) => event.type)).subscribe(() => {
        throw new Error("behind an operator");
      });
      runtime.events
        .pipe(
          map((): never => {
            throw new Error("in an operator");
          }),
        )
        .subscribe();
      const leaving = runtime.events.subscribe(() => leaving.unsubscribe());
      runtime.events.subscribe((event) => seen.push(event.type));
      runtime.spawn({ name: "a", schedule: hourly, run: () => undefined });
      await runtime.start();
      await world.clock.advance("2h");
    });
    assert.equal(uncaught, []);
    assert.ok(seen.filter((type) => type === "finished").length >= 2);
    assert.is(told(world, /a listener to the runtime's events threw/), 4);
  },
);

inMemory("X2 a logger that throws, whatever its methods do, stops nothing and is reported once", async (world) => {
  const fail = (): never => {
    throw new Error("disk full");
  };
  const methods = ["trace", "debug", "info", "warn", "error", "fatal", "isLevelEnabled"];
  const broken = Object.fromEntries(methods.map((method) => [method, fail]));
  for (const logger of [{ ...broken, child: fail }, { ...broken, child: () => undefined }, { child: fail }]) {
    const warnings: string[] = [];
    let outcome = "";
    const runtime = createRuntime({ clock: world.clock, logger: logger as unknown as Logger });
    runtime.events.subscribe((event) => {
      if (event.type === "warning") warnings.push(event.message);
      if (event.type === "finished") outcome = event.type;
    });
    runtime.spawn({ name: "a", schedule: hourly, run: ({ logger: own }) => own.child({ a: 1 }).error("a line") });
    await runtime.start();
    await world.clock.advance(0);
    assert.is(outcome, "finished");
    assert.equal(warnings, ["the logger threw: lines of the log may be missing"]);
    await runtime.stop();
  }
});

inMemory("X2 an inspect observer that throws or rejects is reported once", async (world) => {
  const later: () => unknown = () => Promise.reject(new Error("later"));
  for (const inspect of [later, { next: later }]) {
    world.lines.length = 0;
    const runtime = world.runtime({ inspect });
    runtime.spawn({ name: "a", schedule: hourly, run: () => undefined });
    await runtime.start();
    await world.clock.advance("2h");
    assert.is(told(world, /the inspect observer threw/), 1);
    assert.is(runtime.get("a")?.status().lastRun?.outcome, "succeeded");
    await runtime.stop();
  }
});

inMemory("X2 whatever is attached to the actors of the tree and throws is reported once", async (world) => {
  const runtime = world.runtime();
  runtime.spawn({ name: "a", schedule: hourly, run: () => undefined });
  await runtime.start();
  const { system } = runtime.actor;
  const fail = (): never => {
    throw new Error("attached");
  };
  system.inspect(fail);
  for (const actor of [runtime.actor, system.get("a") as AnyActorRef, system.getAll()["a"] as unknown as AnyActorRef]) {
    actor.subscribe(fail);
    actor.subscribe({ next: fail, error: fail, complete: fail });
    actor.on("*", fail);
  }
  await world.clock.advance("2h");
  assert.is(told(world, /the inspect observer threw/), 1);
  assert.is(told(world, /a subscriber of an actor threw/), 4);
  assert.is(runtime.get("a")?.status().lastRun?.outcome, "succeeded");
  await runtime.stop();
  assert.is(told(world, /a subscriber of an actor threw/), 6);
});

inMemory("X2 a listener to a run's signal that throws harms nobody", async (world) => {
  const uncaught = await uncaughtDuring(async () => {
    const runtime = world.runtime();
    runtime.spawn({
      name: "a",
      schedule: hourly,
      timeout: "1s",
      run: ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            throw new Error("a bad listener");
          });
          signal.onabort = (() => Promise.reject(new Error("a bad handler"))) as () => void;
          signal.addEventListener("abort", () => resolve(), { once: true });
        }),
    });
    await runtime.start();
    await world.clock.advance("2s");
    assert.is(runtime.get("a")?.status().lastRun?.outcome, "timedOut");
  });
  assert.equal(uncaught, []);
  assert.is(told(world, /a listener to the signal of a run threw/), 1);
});

inMemory("X2 callbacks of a queue that throw are reported once and change nothing", async (world) => {
  const fail = (): never => {
    throw new Error("a bad callback");
  };
  const runtime = world.runtime();
  const queue = await runtime.queue({ name: "q" });
  queue.events.subscribe(fail);
  const assigned = [1, NaN, 2, new Map()].map((payload, index) => ({ id: String(index), payload }));
  const counts = await queue.assignMany(assigned, { onProgress: fail, onRejected: fail });
  assert.equal(counts, { created: 2, updated: 0, rejected: 2 });
  assert.is(told(world, /onProgress of assignMany threw/), 1);
  assert.is(told(world, /onRejected of assignMany threw/), 1);
});

inMemory("X2 a redact that throws shows nothing, is logged once, and the page goes on", async (world) => {
  const runtime = world.runtime();
  runtime.spawn({ name: "a", schedule: hourly, run: () => undefined });
  await runtime.start();
  const inspector = await createInspector(runtime, {
    port: 0,
    redact: () => {
      throw new Error("a bad redact");
    },
  });
  const closing = new AbortController();
  const { body } = await fetch(`${inspector.url}api/feed`, { signal: closing.signal });
  const reader = body?.getReader();
  const read = async (): Promise<string> => Buffer.from((await reader?.read())?.value ?? []).toString();
  const id = /"id":"([\w-]+)"/.exec(await read())?.[1] ?? "";
  const page = await (await fetch(inspector.url)).text();
  const token = /name="ostinato-token" content="([^"]+)"/.exec(page)?.[1] ?? "";
  const headers = { "content-type": "application/json", "x-ostinato-token": token };
  for (let look = 0; look < 3; look++) {
    const watched = JSON.stringify({ actor: look % 2 === 0 ? "a" : "", count: 10 });
    await fetch(`${inspector.url}api/feed/${id}`, { method: "POST", body: watched, headers });
  }
  let text = "";
  while (!text.includes("event: detail")) text += await read();
  assert.match(text, /not shown: redact failed/);
  assert.is(told(world, /redact threw/), 1);
  closing.abort();
  await inspector.close();
});

test.run();
