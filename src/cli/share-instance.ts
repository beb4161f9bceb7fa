import Module, { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";

interface Resolving {
  _resolveFilename: (this: unknown, request: string, ...rest: unknown[]) => string;
}

const names = ["ostinato", "ostinato/machines", "ostinato/testing"];
let shared = false;

/**
 * A user's file gets this very ostinato when it names it, wherever the file lies and whatever is installed there: a
 * second copy would have other error classes. Imports and requires alike.
 */
export function shareInstance(): void {
  if (shared) return;
  shared = true;
  const paths = new Map(names.map((name) => [name, require.resolve(name)]));
  const resolving = Module as unknown as Resolving;
  const original = resolving._resolveFilename;
  resolving._resolveFilename = function (request, ...rest) {
    return paths.get(request) ?? original.call(this, request, ...rest);
  };
  register(`data:text/javascript,${encodeURIComponent(hooks)}`, pathToFileURL(__filename), {
    data: new Map([...paths].map(([name, path]) => [name, wrapper(path)])),
  });
}

/** An ES module over the CommonJS one: the source may be TypeScript, which only `require` can read here. */
function wrapper(path: string): string {
  const exported = Object.keys(createRequire(__filename)(path) as object).filter(
    (name) => name !== "default" && name !== "__esModule",
  );
  return [
    `import { createRequire } from "node:module";`,
    `const exported = createRequire(${JSON.stringify(pathToFileURL(__filename).href)})(${JSON.stringify(path)});`,
    ...exported.map((name) => `export const ${name} = exported.${name};`),
    `export default exported;`,
  ].join("\n");
}

/** Runs in Node's thread for module hooks. */
const hooks = `
let sources;
export const initialize = (data) => { sources = data; };
export const resolve = (specifier, context, next) =>
  sources.has(specifier)
    ? { url: "ostinato-shared:" + specifier, format: "module", shortCircuit: true }
    : next(specifier, context);
export const load = (url, context, next) =>
  url.startsWith("ostinato-shared:")
    ? { format: "module", source: sources.get(url.slice("ostinato-shared:".length)), shortCircuit: true }
    : next(url, context);
`;
