// time limit: 120 s
import { createInspector, type Inspector } from "ostinato/inspector";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBrowser } from "../helpers/browser";
import { startDemo } from "../helpers/demo-runtime";

const folder = join(__dirname, "../../docs/screenshots");

interface Shot {
  readonly file: string;
  readonly hash: string;
  readonly ready: string;
  readonly dark?: boolean;
  readonly phone?: boolean;
  readonly click?: string;
  /** The id of a task of the queue to be looked up. */
  readonly look?: string;
}

const shots: readonly Shot[] = [
  { file: "tree.png", hash: "#/tree", ready: ".row[data-name=backup]" },
  { file: "task.png", hash: "#/tree/backup", ready: ".detail [data-state=running].on" },
  { file: "backing-off.png", hash: "#/tree/fetch-invoices", ready: ".detail table.runs", dark: true },
  { file: "timeline.png", hash: "#/timeline", ready: ".lane" },
  { file: "next-24-hours.png", hash: "#/timeline", ready: ".lane", click: "text=Next 24 h", dark: true },
  { file: "queues.png", hash: "#/queues/price-polls", ready: ".grid i[data-owner^=web-2]", look: "symbol:0A7" },
  { file: "dead-letters.png", hash: "#/queues/mail", ready: "[data-letter]", dark: true },
  { file: "cluster.png", hash: "#/cluster", ready: "[data-node]" },
  { file: "phone.png", hash: "#/tree", ready: ".row", phone: true },
  { file: "phone-task.png", hash: "#/tree/backup", ready: ".detail [data-state]", phone: true, dark: true },
];

/** Draws all screenshots anew: `SCREENSHOTS=1 npm run test:only -- screenshots`. */
async function drawAll(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  let inspector!: Inspector;
  const demo = await startDemo({
    prepare: async (runtime) => void (inspector = await createInspector(runtime, { port: 0, allowActions: true })),
  });
  const browser = await openBrowser();
  try {
    for (const { file, hash, ready, dark = false, phone = false, click, look } of shots) {
      const page = await browser.newPage({
        viewport: phone ? { width: 390, height: 800 } : { width: 1440, height: 900 },
        deviceScaleFactor: phone ? 2 : 1,
        colorScheme: dark ? "dark" : "light",
      });
      await page.goto(inspector.url + hash);
      await page.waitForSelector(ready);
      if (click !== undefined) await page.click(click);
      if (look !== undefined) {
        await page.fill(".lookup input", look);
        await page.press(".lookup input", "Enter");
        await page.waitForSelector("[data-found]");
      }
      await page.waitForTimeout(1_500);
      await page.screenshot({ path: join(folder, file) });
      await page.close();
    }
  } finally {
    await browser.close();
    await inspector.close();
    await demo.stop();
  }
}

test("docs hold a screenshot of each view", async () => {
  if (process.env["SCREENSHOTS"] !== undefined) await drawAll();
  for (const { file } of shots) {
    const path = join(folder, file);
    assert.ok(
      existsSync(path) && statSync(path).size > 10_000,
      `${file}: SCREENSHOTS=1 npm run test:only -- screenshots`,
    );
  }
});

test.run();
