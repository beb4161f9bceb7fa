// time limit: 120 s
import { createRuntime, discard, memoryStore, type Queue, type Runtime } from "ostinato";
import pino from "pino";
import type { Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { evil, lookingAt } from "../helpers/looking";

const logger = pino({ level: "silent" });
const later = Date.parse("2999-01-01T00:00:00Z");
const looking = lookingAt("#/queues");

async function lookUp(page: Page, id: string): Promise<void> {
  await page.fill(".lookup input", id);
  await page.press(".lookup input", "Enter");
}

const tile = (key: string, text: string): string => `[data-tile=${key}] b >> text="${text}"`;

test("one task among 100,000 is looked up at once, and what waits is counted", async () => {
  const runtime = createRuntime({ logger });
  const queue: Queue<number> = await runtime.queue({ name: "polls", run: () => undefined });
  function* all(): Generator<{ id: string; payload: number; at: number }> {
    for (let index = 0; index < 100_000; index++) yield { id: `user-${String(index)}`, payload: index, at: later };
  }
  await queue.assignMany(all());
  await looking(runtime, async (page) => {
    await page.waitForSelector(tile("waiting", "100,000"), { timeout: 30_000 });
    const begun = performance.now();
    await lookUp(page, "user-97531");
    await page.waitForSelector("[data-found=user-97531]");
    const took = performance.now() - begun;
    assert.ok(took < 1_500, `one of 100,000 was shown after ${took.toFixed(0)} ms`);
    assert.match((await page.textContent(".lookup [data-why=notDue]"))!, /it is not due before/);
    assert.is(await page.textContent(".lookup pre"), "97531");
    await lookUp(page, "user-9753");
    await page.waitForSelector("[data-found=user-9753]");
    await lookUp(page, "user-9999");
    await page.waitForSelector("[data-found=user-9999]");
    await lookUp(page, "user-");
    await page.waitForSelector(".lookup >> text=The first 50; there are more.");
    await lookUp(page, "nobody");
    await page.waitForSelector(".lookup >> text=No task of this queue has an id that begins so.");
    assert.ok((await page.locator("main *").count()) < 1_500, "the page holds what is on the screen");
  });
});

test("scripts in ids, payloads and errors of assigned tasks are shown, not run", async () => {
  const runtime = createRuntime({ logger });
  const queue = await runtime.queue<{ text: string; bad?: boolean }>({
    name: "mail",
    partitions: 4,
    run: ({ bad }) => {
      if (bad === true) throw discard(new Error(evil));
    },
  });
  await queue.assign({ id: evil, payload: { text: evil }, at: later });
  await queue.assign({ id: `bad ${evil}`, payload: { text: evil, bad: true } });
  await looking(runtime, async (page) => {
    await page.waitForSelector(tile("waiting", "1"));
    await lookUp(page, evil);
    await page.waitForSelector("[data-found]");
    assert.is(await page.textContent(".answer h3"), evil);
    assert.equal(JSON.parse((await page.textContent(".lookup pre"))!), { text: evil });
    await lookUp(page, "<img");
    await page.waitForSelector(".found [data-task]");
    await page.waitForSelector(".letters [data-letter]");
    await page.click(".letters summary");
    assert.is(await page.textContent(".letters summary"), `bad ${evil}`);
    assert.match((await page.textContent(".letters td:nth-child(3)"))!, /<script>/);
    assert.is(await page.evaluate(() => (globalThis as { hacked?: number }).hacked), undefined);
    assert.is(await page.locator("main img, main script").count(), 0);
  });
});

test("a dead letter is retried by its button, with keys alone, and another one is removed", async () => {
  const runtime = createRuntime({ logger });
  let broken = true;
  const sent: string[] = [];
  const queue = await runtime.queue<string>({
    name: "mail",
    partitions: 4,
    bucket: "50ms",
    run: (_payload, { name }) => {
      if (broken) throw discard(new Error("550 no such user"));
      sent.push(name);
    },
  });
  for (const id of ["ada", "bob"]) await queue.assign({ id, payload: "hello" });
  await looking(runtime, async (page) => {
    await page.waitForSelector(".letters tr:has-text('bob') >> text=discarded");
    await page.waitForSelector(".letters tr:has-text('ada') >> text=550 no such user");
    await page.waitForSelector(tile("deadLetters", "2"));
    broken = false;
    await page.focus("[aria-label='Retry ada']");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=it was assigned again, to be run at once");
    await page.waitForSelector(".letters tr:has-text('ada')", { state: "detached" });
    page.once("dialog", (dialog) => void dialog.accept());
    await page.click("[aria-label='Remove bob']");
    await page.waitForSelector(".letters >> text=Nothing was given up.");
    while (sent.length === 0) await page.waitForTimeout(20);
    assert.equal(sent, ["ada"]);
  });
});

test("unless actions are allowed dead letters are shown without buttons", async () => {
  const runtime = createRuntime({ logger });
  const queue = await runtime.queue<string>({
    name: "mail",
    partitions: 4,
    run: () => {
      throw discard(new Error("550 no such user"));
    },
  });
  await queue.assign({ id: "ada", payload: "hello" });
  await looking(
    runtime,
    async (page) => {
      await page.waitForSelector(".letters tr:has-text('ada')");
      assert.is(await page.locator(".letters button").count(), 0);
    },
    false,
  );
});

test("the partitions of a process that ends are seen moving to the other", async () => {
  const store = memoryStore();
  const open = async (nodeId: string): Promise<Runtime> => {
    const runtime = createRuntime({ logger, store, nodeId });
    await runtime.queue({ name: "mail", partitions: 16, lease: "1s", run: () => undefined });
    return runtime;
  };
  const [here, other] = [await open("here"), await open("other")];
  await other.start();
  await looking(here, async (page, { url }) => {
    const owned = (node: string): string => `.grid i[data-owner^='${node}-']`;
    await page.waitForSelector(owned("here"));
    await page.waitForSelector(owned("other"));
    await page.waitForSelector(".grid:has(i:nth-child(16)):not(:has(i[data-owner='']))");
    await page.click("[data-worker^='other-'] button");
    await page.waitForSelector(".grid.pointing i.pointed[data-owner^='other-']");
    await other.stop();
    await page.waitForSelector(".grid:has(i:nth-child(16)):not(:has(i:not([data-owner^='here-'])))");
    await page.goto(`${url}#/cluster`);
    await page.waitForSelector("[data-partitions=mail] [data-holder^='here-'] >> text=16 of 16");
  });
});

test("the queues are read on a phone, with one of several chosen", async () => {
  const runtime = createRuntime({ logger });
  for (const name of ["mail", "polls"]) await runtime.queue({ name, partitions: 256, run: () => undefined });
  await looking(runtime, async (page) => {
    await page.setViewportSize({ width: 390, height: 800 });
    await page.click("[data-queue=polls]");
    await page.waitForSelector("h1 >> text=polls");
    await page.waitForSelector(".grid:has(i:nth-child(256)):not(:has(i.nobody))");
    const wide = Number(await page.evaluate("document.documentElement.scrollWidth"));
    assert.ok(wide <= 390, `nothing sticks out on a phone: ${String(wide)}`);
    await page.keyboard.press("3");
    await page.waitForSelector("h1 >> text=polls");
    await page.keyboard.press("/");
    assert.ok(await page.evaluate("document.activeElement.matches('.lookup input')"));
  });
});

test.run();
