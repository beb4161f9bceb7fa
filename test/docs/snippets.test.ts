import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(__dirname, "../..");

/** What a snippet may use without saying where it comes from. */
const given: Record<string, string> = {
  runtime: 'declare const runtime: import("ostinato").Runtime;',
  schedule: 'declare const schedule: import("ostinato").Schedule;',
  run: 'declare const run: import("ostinato").Task;',
};

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

interface Snippet {
  readonly name: string;
  readonly text: string;
}

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((found, index) => {
    const code = found[1] as string;
    const missing = Object.keys(given).filter((name) => !new RegExp(`(?:const|let) ${name}\\b`).test(code));
    const text = [...missing.map((name) => given[name]), code, "export {};"].join("\n");
    return { name: `${page}, snippet ${String(index + 1)}`, text };
  });
}

/** A snippet must compile as a file of the project would. */
function complaints(snippets: readonly Snippet[]): string[] {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, "tsconfig.json"),
    { noEmit: true },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => undefined,
    },
  );
  assert.ok(config);
  const options = { ...config?.options, noUnusedLocals: false, noUnusedParameters: false };
  const files = new Map(snippets.map((each, index) => [join(root, "docs", `snippet-${String(index)}.mts`), each]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (path) => files.get(path)?.text ?? readFile(path);
  host.fileExists = (path) => files.has(path) || fileExists(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => file === undefined || files.has(file.fileName))
    .map(({ file, messageText }) => {
      const name = file === undefined ? "" : (files.get(file.fileName)?.name ?? relative(root, file.fileName));
      return `${name}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
}

test("every snippet of the documentation compiles", () => {
  const snippets = pages.flatMap(snippetsOf);
  assert.ok(snippets.length > 4);
  assert.equal(complaints(snippets), []);
});

test("every link between the pages leads to a file", () => {
  const dead = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)]
      .map((found) => join(page, "..", found[1] as string))
      .filter((target) => !ts.sys.fileExists(join(root, target)) && !ts.sys.directoryExists(join(root, target)))
      .map((target) => `${page} → ${target}`),
  );
  assert.equal(dead, []);
});

test.run();
