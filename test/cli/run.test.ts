import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildCommand } from "../helpers/built-command";
import { startCommand } from "../helpers/command";

const built = buildCommand();
const folder = mkdtempSync(join(tmpdir(), "ostinato-run-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const body = (name: string) =>
  `runtime.spawn({ name: "${name}", schedule: interval("1h"), run: ({ logger }) => logger.info("ran " + same(runtime)) });`;
const same = `const same = (runtime) => { try { runtime.spawn({}); } catch (error) { return error instanceof OstinatoError; } };`;
const cjs = file(
  "one.cjs",
  `const { interval, OstinatoError } = require("ostinato"); ${same} module.exports = (runtime) => { ${body("cjs")} };`,
);
const mjs = file(
  "two.mjs",
  `import { interval, OstinatoError } from "ostinato"; import "ostinato/testing"; ${same} export default async (runtime) => { ${body("mjs")} };`,
);
const js = file(
  "three.js",
  `exports.default = (runtime) => require("./one.cjs")({ spawn: (s) => runtime.spawn({ ...s, name: s.name && "js" }) });`,
);
file("module/package.json", `{ "type": "module" }`);
file("module/greeting.ts", `export const greeting: string = "typed";`);
const ts = file(
  "module/four.ts",
  `import { interval, OstinatoError, type Runtime } from "ostinato"; import { greeting } from "./greeting";
   const same = (runtime: any) => { try { runtime.spawn({}); } catch (error) { return error instanceof OstinatoError; } };
   export default function tasks(runtime: Runtime): void { ${body("ts")} void greeting; }`,
);

for (const [from, options] of [
  ["the sources", {}],
  ["what was built", { built }],
] as const) {
  test(`from ${from} it runs CommonJS, ES modules and TypeScript, each with the one instance of the package`, async () => {
    const command = startCommand(["run", cjs, mjs, js, ts, "--label", "mine", "--node-id", "n1"], options);
    for (const name of ["cjs", "mjs", "js", "ts"]) {
      await command.until(new RegExp(`"task":"${name}".*"msg":"ran true"`));
    }
    await command.until(/"node":"n1"/);
    await command.until(/### \[FINISHED\] mine/);
    command.signal("SIGTERM");
    assert.is(await command.exit, 0);
    for (const line of command.stdout().trim().split("\n")) assert.type(JSON.parse(line), "object");
    assert.is(command.stderr(), "");
  });
}

test("--pretty prints lines for people into a pipe", async () => {
  const command = startCommand(["run", cjs, "--pretty"], { built });
  await command.until(/^\[\d\d:\d\d:\d\d\.\d+\] INFO: cjs: ran true$/m);
  command.signal("SIGINT");
  assert.is(await command.exit, 0);
});

test("the first signal lets a run end, within the deadline; the second ends the process at once", async () => {
  const slow = file(
    "slow.cjs",
    `const { interval } = require("ostinato");
     module.exports = (runtime) => {
       const run = ({ logger, signal }) => new Promise((resolve) => {
         logger.info("begun");
         setInterval(() => {}, 1000);
         signal.addEventListener("abort", () => { logger.info("told to end"); if (!process.env.DEAF) resolve(); });
       });
       runtime.spawn({ name: "slow", schedule: interval("1h"), run });
     };`,
  );
  const drained = startCommand(["run", slow, "--shutdown-timeout", "200ms"], { built });
  await drained.until(/begun/);
  drained.signal("SIGINT");
  assert.is(await drained.exit, 0);
  assert.match(drained.stdout(), /told to end/);

  const deaf = startCommand(["run", slow, "--shutdown-timeout", "10m"], { built, env: { DEAF: "1" } });
  await deaf.until(/begun/);
  deaf.signal("SIGINT");
  await deaf.until(/SIGINT received/);
  deaf.signal("SIGINT");
  assert.is(await deaf.exit, 130);
});

test("a file that spawns nothing is named in a warning", async () => {
  const command = startCommand(["run", file("empty.cjs", "module.exports = () => {};")], { built });
  await command.until(/"level":40.*empty\.cjs spawned nothing/);
  await command.until(/Ctrl-C ends it/);
  command.signal("SIGINT");
  assert.is(await command.exit, 0);
});

const wrong: [string, string[], RegExp][] = [
  ["no file", ["run"], /missing required argument 'FILE'/],
  ["a missing file", ["run", "nowhere.ts"], /^error: nowhere\.ts: there is no such file/],
  ["a folder", ["run", folder], /is not a file/],
  ["another kind of file", ["run", file("x.txt", "")], /ends in \.ts, \.cts, \.js, \.cjs, \.mjs/],
  [
    "no default export",
    ["run", file("x.mjs", "export const x = 1;")],
    /must be a function of the runtime.*it exports x/,
  ],
  ["a syntax error in TypeScript", ["run", file("s.ts", "const = 3;")], /s\.ts\(1,7\): error TS1134/],
  ["a syntax error in CommonJS", ["run", file("s.cjs", "\nconst = 3;")], /s\.cjs:2\nconst = 3;[^]*SyntaxError/],
  ["a syntax error in an ES module", ["run", file("s.mjs", "\nconst = 3;")], /s\.mjs:2\nconst = 3;[^]*SyntaxError/],
  ["an import that is not there", ["run", file("i.cjs", `require("nowhere")`)], /Cannot find module 'nowhere'/],
  ["a wrong spec", ["run", file("w.cjs", `module.exports = (r) => r.spawn({ name: "" })`)], /w\.cjs: name: expected/],
  ["a wrong store", ["run", cjs, "--store", "disk"], /--store: allowed are memory, file:PATH and nats:.*got "disk"/],
  ["a wrong NATS address", ["run", cjs, "--store", "nats:x"], /nats:\/\/HOST:PORT/],
  ["a namespace without NATS", ["run", cjs, "--namespace", "x"], /--namespace goes with/],
  ["a wrong level", ["run", cjs, "--log-level", "loud"], /Allowed choices are trace, debug, info/],
  ["a wrong duration", ["run", cjs, "--shutdown-timeout", "soon"], /'soon' is invalid.*"90s", "5m"/],
  ["a misspelt flag", ["run", cjs, "--stor", "x"], /unknown option '--stor'\n\(Did you mean --store\?\)/],
  ["both forms of the log", ["run", cjs, "--json", "--pretty"], /cannot be used with/],
  ["a misspelt command", ["rum"], /unknown command 'rum'\n\(Did you mean run\?\)/],
];
async function refused([what, args, message]: (typeof wrong)[number]): Promise<void> {
  const command = startCommand(args, { built });
  assert.is(await command.exit, 2, what);
  assert.match(command.stderr(), message, what);
  assert.not.match(command.stderr(), /\n\s+at /, what);
  assert.is(command.stdout(), "", what);
}

test("wrong usage says what is wrong and what is allowed, without a stack, and exits with 2", async () => {
  for (let next = 0; next < wrong.length; next += 3) await Promise.all(wrong.slice(next, next + 3).map(refused));
});

test("what the surroundings refuse exits with 1: a store that cannot be opened, a function that throws", async () => {
  const store = startCommand(["run", cjs, "--store", `file:${cjs}`], { built });
  assert.is(await store.exit, 1);
  assert.match(store.stdout(), /"code":"ERR_STORE_PATH"/);
  const thrown = startCommand(["run", file("t.cjs", `module.exports = () => { throw new Error("no luck"); }`)], {
    built,
  });
  assert.is(await thrown.exit, 1);
  assert.match(thrown.stdout(), /t\.cjs: its function failed: no luck/);
});

test.run();
