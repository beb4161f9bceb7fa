// time limit: 300 s
import { execFile, type ExecFileException } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(__dirname, "../..");
const fixtures = join(__dirname, "../fixtures/package");
const folder = mkdtempSync(join(tmpdir(), "ostinato-package-"));
const { version, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  devDependencies: Record<string, string>;
};
let packed: string[] = [];

/** What a command prints; its whole output is in the error when it fails. */
function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { cwd, encoding: "utf8", maxBuffer: 1e8 },
      (error: ExecFileException | null, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${command} ${args.join(" ")} failed\n${stdout}\n${stderr}`));
      },
    );
  });
}

function newest(...paths: string[]): number {
  return Math.max(
    ...paths.map((path) => {
      if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
      return newest(...readdirSync(path).map((name) => join(path, name)));
    }),
  );
}

/** `npm test` builds before its tests; a test run by itself must not pack what was built from older sources. */
async function build(): Promise<void> {
  const built = join(root, "dist/src/index.mjs");
  const sources = ["src", "machines", "package.json", "tsconfig.json"].map((name) => join(root, name));
  if (!existsSync(built) || statSync(built).mtimeMs < newest(...sources)) await run(root, "npm", "run", "build");
}

test.before(async () => {
  await build();
  const answer = await run(root, "npm", "pack", "--ignore-scripts", "--json", "--pack-destination", folder);
  const [tarball] = JSON.parse(answer) as [{ filename: string; files: { path: string }[] }];
  packed = tarball.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  const types = `@types/node@${devDependencies["@types/node"]!}`;
  await run(
    folder,
    "npm",
    ...["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"],
    ...[join(folder, tarball.filename), types],
  );
});

test.after(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("the tarball holds what was built and what is to be read, no sources and no tests", () => {
  const allowed =
    /^(dist\/(src|machines)\/.*\.(js|mjs|d\.ts|d\.mts|html|css|svg)|docs\/.*|(package\.json|README\.md|LICENSE|CHANGELOG\.md))$/;
  assert.equal(
    packed.filter((path) => !allowed.test(path)),
    [],
  );
  for (const path of [
    "dist/src/index.js",
    "dist/src/index.mjs",
    "dist/src/index.d.ts",
    "dist/src/index.d.mts",
    "dist/src/inspector/index.mjs",
    "dist/src/inspector/page/index.html",
    "dist/src/inspector/page/app.js",
    "dist/src/inspector/page/style.css",
    "dist/src/inspector/page/queues.css",
    "LICENSE",
  ]) {
    assert.ok(packed.includes(path), path);
  }
});

test("an ES module imports it, subpaths too, and shares its one instance with require", async () => {
  copyFileSync(join(fixtures, "use.mjs"), join(folder, "use.mjs"));
  assert.match(await run(folder, process.execPath, "use.mjs"), /import works/);
});

test("a CommonJS file requires it and runs a task on the file store, though no install script was run", async () => {
  copyFileSync(join(fixtures, "use.cjs"), join(folder, "use.cjs"));
  assert.match(await run(folder, process.execPath, "use.cjs"), /require works/);
});

for (const extension of ["mts", "cts"]) {
  test(`a strict TypeScript file type-checks against it as .${extension}, its declarations included`, async () => {
    copyFileSync(join(fixtures, "use.ts.txt"), join(folder, `use.${extension}`));
    const options = {
      module: "nodenext",
      target: "es2022",
      strict: true,

      noEmit: true,
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: { ...options, skipLibCheck: false, types: ["node"] },
        files: [`use.${extension}`],
      }),
    );
    await run(folder, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", folder);
    assert.ok(true);
  });
}

test("the command answers --version and --help", async () => {
  const command = join(folder, "node_modules/.bin/ostinato");
  assert.is((await run(folder, command, "--version")).trim(), version);
  const help = await run(folder, command, "--help");
  for (const name of ["run", "next"]) assert.match(help, new RegExp(`^\\s+${name}\\b`, "m"));
});

test.run();
