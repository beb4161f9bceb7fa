import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const find = (): string | undefined => process.env["CHROMIUM"] ?? places.find((path) => existsSync(path));

/** One test file at a time, because apt waits for nobody; the others find it installed then. */
const install =
  "command -v chromium || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }";

/** Debian's own, installed if this is Debian and we may; elsewhere it says what is missing. */
function chromiumPath(): string {
  if (find() === undefined && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    spawnSync("flock", ["/tmp/ostinato-apt.lock", "sh", "-c", install], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  const path = find();
  if (path === undefined) throw new Error("chromium is missing: apt-get install chromium, or set CHROMIUM");
  return path;
}

/** A Chromium without a window. It is the system's own: none is downloaded. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}
