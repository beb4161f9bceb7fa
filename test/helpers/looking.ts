import type { Runtime } from "ostinato";
import { createInspector, type Inspector } from "ostinato/inspector";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBrowser } from "./browser";

/** A name, payload or error that tries to run. */
export const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;

export type Looking = (
  runtime: Runtime,
  look: (page: Page, inspector: Inspector) => Promise<void>,
  allowActions?: boolean,
) => Promise<void>;

/**
 * Opens the inspector's page on runtimes, in one browser for all tests of a file. Page and runtime are gone afterwards, and
 * the page may not have failed.
 */
export function lookingAt(hash: string): Looking {
  let browser: Browser;
  test.before(async () => {
    browser = await openBrowser();
  });
  test.after(() => browser.close());
  return async (runtime, look, allowActions = true) => {
    await runtime.start();
    const inspector = await createInspector(runtime, { port: 0, allowActions });
    const page = await browser.newPage();
    page.setDefaultTimeout(15_000);
    const failures: string[] = [];
    page.on("pageerror", (error) => failures.push(String(error)));
    page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
    try {
      await page.goto(`${inspector.url}${hash}`);
      await look(page, inspector);
      assert.equal(failures, []);
    } finally {
      await page.close();
      await inspector.close();
      await runtime.stop();
    }
  };
}
