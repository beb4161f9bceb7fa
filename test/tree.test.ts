import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(__dirname, "..");

/** Rows of the promises that tests keep, each in the name of at least one test. */
const rows: Record<string, number> = { N: 24, T: 15, S: 11, I: 17 };

const topLevel = [
  ...["src", "machines", "test", "examples", "docs", ".ci"],
  ...["package.json", "package-lock.json", "tsconfig.json", "eslint.config.mjs"],
  ...["README.md", "LICENSE", "CHANGELOG.md"],
];

interface Package {
  exports: Record<string, string | { "ostinato-source": string }>;
  bin: Record<string, string>;
}
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Package;

function filesUnder(...folders: string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith("test/fixtures/runner/"))
    .sort();
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const isCode = (path: string): boolean => path.endsWith(".ts");
const sources = filesUnder("src", "machines").filter(isCode);
const tests = filesUnder("test").filter(isCode);

/** The files of the project that a file imports, types among them. */
function importsOf(path: string): string[] {
  return ts.preProcessFile(read(path), true, true).importedFiles.flatMap(({ fileName }) => {
    const own = Object.entries(manifest.exports).find(([name]) => fileName === name.replace(".", "ostinato"))?.[1];
    if (typeof own === "object") return [own["ostinato-source"].slice(2)];
    if (!fileName.startsWith(".")) return [];
    const target = relative(root, join(root, dirname(path), fileName));
    const found = [target, `${target}.ts`, `${target}/index.ts`].find(
      (one) => isCode(one) && existsSync(join(root, one)),
    );
    return found === undefined ? [] : [found];
  });
}

function reachableFrom(entries: readonly string[]): Set<string> {
  const reached = new Set<string>(entries.filter((path) => existsSync(join(root, path))));
  for (const path of reached) for (const next of importsOf(path)) reached.add(next);
  return reached;
}

function entrySources(): string[] {
  const exported = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === "string" ? [] : [entry["ostinato-source"].slice(2)],
  );
  const commands = Object.values(manifest.bin).map((path) => path.replace("./dist/", "").replace(/\.js$/, ".ts"));
  return [...exported, ...commands];
}

/** Imports that lead back to where they started, each written as a path. */
function circles(files: readonly string[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(" → "));
    if (start >= 0 || done.has(path)) return;
    for (const next of importsOf(path)) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of files) visit(path, []);
  return found;
}

function offending(paths: readonly string[], isWrong: (path: string) => boolean): void {
  assert.equal(paths.filter(isWrong), []);
}

test("nothing lies at the top level but what belongs there", () => {
  const ignored = [
    ".git",
    ...read(".gitignore")
      .split("\n")
      .map((line) => line.replace(/^\*?|\/$/g, "")),
  ].filter(Boolean);
  const entries = readdirSync(root, { withFileTypes: true });
  const files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
  offending(
    entries.map(({ name }) => name),
    (name) => {
      const isDotfile = name.startsWith(".") && files.has(name);
      return !topLevel.includes(name) && !isDotfile && !ignored.some((end) => name.endsWith(end));
    },
  );
});

test("imports in src and machines never lead back to where they started", () => {
  assert.equal(circles(sources), []);
});

test("every file in src and machines is reached from an entry of the package or from its command", () => {
  const reached = reachableFrom(entrySources());
  offending(sources, (path) => !reached.has(path));
});

test("every entry of the package and every command has its source", () => {
  offending(entrySources(), (path) => !existsSync(join(root, path)));
});

test("a subpath that has an index is exported", () => {
  const subpaths = ["machines/index.ts", "src/testing/index.ts", "src/inspector/index.ts"];
  offending(
    subpaths.filter((path) => existsSync(join(root, path))),
    (path) => !entrySources().includes(path),
  );
});

test("every file that helps tests is used by one", () => {
  const reached = reachableFrom(
    tests.filter((path) =>
      /\.test\.ts$|^test\/(bench|fixtures)\/|^test\/(run|chaos|fuzz\/run|fuzz\/command-process)\.ts$/.test(path),
    ),
  );
  offending(tests, (path) => !reached.has(path));
});

test("what looks like a test file is one, and what is one looks so", () => {
  const runs = (path: string): boolean => /\.run\(\);/.test(read(path));
  const apart = /^test\/(fixtures|helpers|bench|contracts)\//;
  offending(tests, (path) => path.endsWith(".test.ts") && !runs(path) && !importsOf(path).some(runs));
  offending(tests, (path) => !path.endsWith(".test.ts") && !apart.test(path) && /^test\.run\(\);/m.test(read(path)));
});

test("no file of src and machines is longer than 350 lines, comments included", () => {
  offending(sources, (path) => read(path).split("\n").length > 351);
});

test("names say what a file does", () => {
  offending(sources, (path) => /(^|[/-])(utils?|helpers?|common|misc|managers?)([/.-]|$)/i.test(path));
});

test("nothing is left to do later, and no test is left alone", () => {
  const later = new RegExp(`\\b(${["TO", "DO|FIX", "ME|XX", "X"].join("")})\\b|\\b(test|suite)\\.only\\(`);
  offending([...filesUnder("src", "machines", "test", "examples", "docs"), "README.md"], (path) => {
    return (
      !path.endsWith(".png") &&
      path !== "test/helpers/count.ts" &&
      existsSync(join(root, path)) &&
      later.test(read(path))
    );
  });
});

test("every promised row is named by a test", () => {
  const named = new Set<string>();
  const name = /[(=]\s*["'`]((?:[NTIS]\d+(?:, | and | ))+)/g;
  for (const path of tests) {
    for (const [, ids] of read(path).matchAll(name)) for (const id of ids!.matchAll(/[NTIS]\d+/g)) named.add(id[0]);
  }
  const promised = Object.entries(rows).flatMap(([letter, last]) =>
    Array.from({ length: last }, (_, index) => letter + String(index + 1)),
  );
  offending(promised, (id) => !named.has(id));
});

test("the lock file holds lmdb's binaries for every platform, so that no install script is needed", () => {
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, object> };
  const platforms = ["linux-x64", "linux-arm64", "linux-arm", "darwin-x64", "darwin-arm64", "win32-x64"];
  offending(platforms, (platform) => lock.packages[`node_modules/@lmdb/lmdb-${platform}`] === undefined);
});

test.run();
