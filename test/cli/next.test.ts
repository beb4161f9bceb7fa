import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildCommand } from "../helpers/built-command";
import { startCommand } from "../helpers/command";

const built = buildCommand();
const folder = mkdtempSync(join(tmpdir(), "ostinato-next-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function next(...args: string[]): Promise<Answer> {
  const command = startCommand(["next", ...args], { built });
  const code = await command.exit;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
}

const tasks = join(folder, "tasks.cjs");
writeFileSync(
  tasks,
  `const { daily, interval } = require("ostinato");
   module.exports = (runtime) => {
     const never = () => { throw new Error("simulated tasks do not run"); };
     runtime.spawn({ name: "night", schedule: daily({ hour: 0, timeZone: "UTC" }), run: never });
     runtime.spawn({ name: "clean", schedule: daily({ hour: 0, timeZone: "UTC" }), run: never });
     runtime.spawn({ name: "poll", schedule: interval("6h", { immediate: false }), run: never });
   };`,
);
const simulated = ["--simulate", tasks, "--for", "2d", "--from", "2026-03-01T12:00:00Z", "--zone", "UTC"];

test("next shows the coming runs in the zone and in UTC, over a daylight-saving change too", async () => {
  const zone = ["--zone", "Europe/Berlin"];
  const { code, stdout } = await next(
    "daily 02:30",
    "@yearly",
    "--count",
    "2",
    "--from",
    "2026-03-28T12:00:00Z",
    ...zone,
  );
  assert.is(code, 0);
  assert.equal(stdout.trimEnd().split("\n"), [
    "daily 02:30",
    "  Europe/Berlin                   UTC                       IN",
    "  Sun 2026-03-29 03:00:00 +02:00  2026-03-29T01:00:00.000Z  13h",
    "  Mon 2026-03-30 02:30:00 +02:00  2026-03-30T00:30:00.000Z  1d 12h",
    "",
    "@yearly",
    "  Europe/Berlin                   UTC                       IN",
    "  Fri 2027-01-01 00:00:00 +01:00  2026-12-31T23:00:00.000Z  278d 11h",
    "  Sat 2028-01-01 00:00:00 +01:00  2027-12-31T23:00:00.000Z  643d 11h",
  ]);
});

test("next --json is for programs", async () => {
  const { stdout } = await next("15m", "--json", "--count", "1", "--from", "2026-01-01", "--zone", "UTC");
  assert.equal(JSON.parse(stdout), [{ schedule: "15m", zone: "UTC", runs: ["2026-01-01T00:15:00.000Z"] }]);
});

test("next --simulate tells when everything would run, when it is busy, and what collides", async () => {
  const { code, stdout } = await next(...simulated);
  assert.is(code, 0);
  assert.match(stdout, /^night +2 +2026-03-02 00:00:00/m);
  assert.match(stdout, /^poll +7 +2026-03-01 18:00:00/m);
  assert.match(stdout, /^00:00 {2}█+ 6$/m);
  assert.match(stdout, "2 seconds in which several tasks start");
  assert.match(stdout, /A spread or jitter of \d+s on .*night/);
});

test("next --simulate speaks JSON and draws", async () => {
  const { runs, collisions } = JSON.parse((await next(...simulated, "--json")).stdout) as Record<string, unknown[]>;
  assert.is(runs?.length, 11);
  assert.is(collisions?.length, 2);
  const picture = join(folder, "hours.svg");
  assert.is((await next(...simulated, "--svg", picture)).code, 0);
  assert.match(readFileSync(picture, "utf8"), /^<svg [^]*<\/svg>\s*$/);
});

const wrong: [what: string, args: string[], says: RegExp][] = [
  ["no schedule", [], /missing required argument 'SCHEDULE'/],
  ["hour 25", ["daily 25:00"], /hour: expected a whole number from 0 to 23; got 25/],
  ["an impossible cron", ["0 0 31 2 *"], /never/i],
  ["nonsense", ["whenever"], /a cron expression such as/],
  ["a zone that is none", ["@daily", "--zone", "Europe/Pariss"], /did you mean "Europe\/Paris"/],
  ["a count that is none", ["@daily", "--count", "0"], /whole number from 1 to 10000/],
  ["an instant that is none", ["@daily", "--from", "tomorrow"], /ISO date/],
  ["an unknown flag", ["@daily", "--counts", "3"], /unknown option '--counts'/],
  ["a picture of schedules", ["@daily", "--svg"], /--svg goes with --simulate/],
  ["a file that is not there", ["--simulate", join(folder, "none.ts")], /there is no such file/],
];
for (const [what, args, says] of wrong) {
  test(`next refuses ${what} with exit code 2 and says what is allowed`, async () => {
    const { code, stdout, stderr } = await next(...args);
    assert.is(code, 2);
    assert.match(stderr, says);
    assert.is(stdout, "");
    assert.not.match(stderr, /^ +at /m);
  });
}

test.run();
