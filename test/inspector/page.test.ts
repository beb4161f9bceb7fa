// time limit: 300 s
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, fileStore, interval } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import leader from "../fixtures/leader";
import { evil, lookingAt } from "../helpers/looking";

const logger = pino({ level: "info" }, { write: () => undefined });
const looking = lookingAt("");

const row = (name: string): string => `.row[data-name="${name}"]`;

test("a task goes through its states on the page, its statechart lit and traced, and is triggered there", async () => {
  const runtime = createRuntime({ logger });
  let end = (): void => undefined;
  let runs = 0;
  runtime.spawn({
    name: "backup",
    schedule: interval("1h", { immediate: false }),
    run: ({ logger: log, progress }) => {
      runs += 1;
      log.info({ table: "users" }, "dumping");
      progress(3, 8, "users");
      return new Promise<void>((resolve) => (end = resolve));
    },
  });
  await looking(runtime, async (page) => {
    await page.click(row("backup"));
    await page.waitForSelector(".detail [data-state=idle].on");
    await page.click(".detail [data-action=trigger]");
    await page.waitForSelector(".detail [data-state=running].on");
    await page.waitForSelector(`${row("backup")} .pill.running`);
    await page.waitForSelector(".detail .trail[data-edge='checking>running']");
    await page.waitForSelector(".detail .log >> text=dumping");
    assert.is(await page.getAttribute(".detail [role=progressbar]", "aria-valuenow"), "38");
    assert.is(runs, 1);
    end();
    await page.waitForSelector(".detail [data-state=idle].on");
    await page.waitForSelector(".detail .runs .pill.succeeded");
    await page.waitForSelector(".detail [data-decision=ranHere]");
    await page.click(".detail .runs tr.link");
    await page.waitForSelector(".detail .runs .log >> text=FINISHED");
    await page.click(".detail [data-action=pause]");
    await page.waitForSelector(".detail header .pill.paused");
    await page.click(".detail [data-action=resume]");
    await page.waitForSelector(".detail header .pill.idle");
  });
});

test("a failing task is seen backing off, with its error and when it is tried again", async () => {
  const runtime = createRuntime({ logger });
  runtime.spawn({
    name: "invoices",
    schedule: interval("1h"),
    retry: { initialDelay: "30s", jitter: 0 },
    run: () => {
      throw new Error("503 from billing");
    },
  });
  await looking(
    runtime,
    async (page) => {
      await page.waitForSelector(`${row("invoices")} .pill.backoff`);
      await page.click(row("invoices"));
      await page.waitForSelector(".detail [data-state=backoff].on");
      const note = await page.textContent(".detail .backoff-note");
      assert.match(note!, /Attempt 1 failed: 503 from billing/);
      assert.match(note!, /Next attempt in \d+s/);
      await page.waitForSelector(".detail .runs .pill.failed");
      assert.is(await page.locator(".detail [data-action]").count(), 0, "no buttons unless actions are allowed");
      await page.click(".tile[data-filter=failing]");
      await page.waitForSelector("text=1 actor");
    },
    false,
  );
});

test("the lease of a killed node is seen moving to this one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ostinato-lease-"));
  const path = join(folder, "state");
  const command = ["--conditions", "ostinato-source", "-r", "ts-node/register", "src/cli/index.ts", "run"];
  const options = ["test/fixtures/leader.ts", "--store", `file:${path}`, "--node-id", "other-node", "--json"];
  const other = spawn(process.execPath, [...command, ...options], { cwd: join(__dirname, "../..") });
  await new Promise<void>((resolve) => {
    let text = "";
    other.stdout.on("data", (part) => {
      text += String(part);
      if (text.includes('"START"')) resolve();
    });
  });
  const runtime = createRuntime({ logger, store: fileStore({ path }), nodeId: "this-node" });
  leader(runtime);
  try {
    await looking(runtime, async (page, { url }) => {
      await page.waitForSelector(`${row("leader")} >> text=on other-node`);
      await page.goto(`${url}#/cluster`);
      await page.waitForSelector("[data-node=other-node] .chip >> text=leader");
      other.kill("SIGKILL");
      await page.waitForSelector("[data-node=this-node] .chip >> text=leader");
      await page.goto(`${url}#/tree/leader`);
      await page.waitForSelector(".detail [data-decision=heldElsewhere]");
    });
  } finally {
    other.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});

test("one task among 10,000 is looked up, and the page holds only the rows on the screen", async () => {
  const runtime = createRuntime({ logger: pino({ level: "silent" }) });
  for (let index = 0; index < 10_000; index++) {
    runtime.spawn({
      name: `task-${String(index)}`,
      schedule: interval("1h", { immediate: false }),
      run: () => undefined,
    });
  }
  await looking(runtime, async (page) => {
    await page.waitForSelector("text=10,001 actors");
    assert.ok((await page.locator(".row").count()) < 120);
    await page.fill(".search", "task-9731");
    await page.waitForSelector("text=1 actor");
    await page.click(row("task-9731"));
    await page.waitForSelector(".detail h1 >> text=task-9731");
    await page.fill(".search", "");
    await page.waitForSelector("text=10,001 actors");
    await page.evaluate("document.querySelector('.scroll').scrollTop = 1e9");
    await page.waitForSelector(row("task-9999"));
  });
});

test("scripts in names, errors and log lines are shown, not run", async () => {
  const runtime = createRuntime({ logger });
  runtime.spawn({
    name: evil,
    schedule: interval("1h"),
    retry: { initialDelay: "1h" },
    run: ({ logger: log }) => {
      log.info({ evil }, evil);
      throw new Error(evil);
    },
  });
  await looking(runtime, async (page, { url }) => {
    await page.click(".row.task");
    await page.waitForSelector(".detail .runs .pill.failed");
    await page.click(".detail .runs tr.link");
    assert.is(await page.textContent(".detail h1"), evil);
    await page.goto(`${url}#/timeline`);
    await page.waitForSelector(".lane");
    assert.is(await page.evaluate(() => (globalThis as { hacked?: number }).hacked), undefined);
    assert.is(await page.locator("main img, main script").count(), 0);
  });
});

test("the page is used with keys alone, in the dark, and on a phone", async () => {
  const runtime = createRuntime({ logger });
  for (const name of ["a", "b", "c"]) runtime.spawn({ name, schedule: interval("1h"), run: () => undefined });
  await looking(runtime, async (page) => {
    await page.waitForSelector(row("c"));
    await page.focus(".scroll");
    for (let presses = 0; presses < 3; presses++) await page.keyboard.press("ArrowDown");
    await page.waitForSelector(".detail h1 >> text=b");
    await page.keyboard.press("2");
    await page.waitForSelector(".lane[data-lane=c]");
    const before = await page.getAttribute("html", "data-theme");
    await page.keyboard.press("d");
    assert.is.not(await page.getAttribute("html", "data-theme"), before);
    await page.keyboard.press("1");
    await page.waitForSelector(row("c"));
    await page.keyboard.press("/");
    await page.keyboard.type("c");
    await page.waitForSelector("text=1 actor");
    await page.setViewportSize({ width: 390, height: 800 });
    const wide = Number(await page.evaluate("document.documentElement.scrollWidth"));
    assert.ok(wide <= 390, `nothing sticks out on a phone: ${String(wide)}`);
  });
});

test.run();
