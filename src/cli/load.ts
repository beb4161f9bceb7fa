import { isError } from "../foreign";
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OstinatoError, type Runtime } from "../index";
import { shareInstance } from "./share-instance";
import { registerTypeScript } from "./typescript";

/** What a file given to `run` default-exports. */
export type Setup = (runtime: Runtime) => unknown;

const kinds = [".ts", ".cts", ".js", ".cjs", ".mjs"];

/**
 * Loads the function that a file exports.
 *
 * @throws OstinatoError ERR_MODULE when there is none, or the file cannot be read as a program
 */
export async function loadSetup(file: string): Promise<Setup> {
  const path = resolve(file);
  if (!existsSync(path)) throw wrong(file, `there is no such file (${path})`);
  if (!statSync(path).isFile()) throw wrong(file, "is not a file");
  if (!kinds.includes(extname(path))) throw wrong(file, `a file to run ends in ${kinds.join(", ")}`);
  shareInstance();
  const exported = await load(file, path);
  const setup = findFunction(exported);
  if (setup !== undefined) return setup;
  throw wrong(
    file,
    `its default export must be a function of the runtime: export default (runtime) => { … }; ${describe(exported)}`,
  );
}

async function load(file: string, path: string): Promise<unknown> {
  try {
    if (/\.c?ts$/.test(path)) {
      registerTypeScript(dirname(path));
      return createRequire(path)(path);
    }
    return await import(pathToFileURL(path).href);
  } catch (error) {
    const mistake = describeLoadFailure(error, path);
    throw mistake === undefined ? error : wrong(file, mistake, error);
  }
}

/** A transpiled file's default is one level deeper when it is imported as a module. */
function findFunction(exported: unknown): Setup | undefined {
  let found = exported;
  for (let depth = 0; depth < 3; depth++) {
    if (typeof found === "function") return found as Setup;
    found = (found as { default?: unknown } | null | undefined)?.default;
  }
  return undefined;
}

function describe(exported: unknown): string {
  const names = Object.keys((exported as object | null | undefined) ?? {}).filter((name) => name !== "module.exports");
  return names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
}

/** Mistakes in the text of the file or its imports; what its code throws is left as it is. */
function describeLoadFailure(error: unknown, path: string): string | undefined {
  if (!isError(error)) return undefined;
  const { code, name, message, stack = "" } = error as NodeJS.ErrnoException;
  if (name === "TSError")
    return `cannot be compiled\n${message.replace(/^.*Unable to compile TypeScript:\n/, "").trimEnd()}`;
  if (error instanceof SyntaxError) {
    // Of an ES module the error does not say where; Node's own check of the file does.
    const told = stack.startsWith(`${name}:`)
      ? spawnSync(process.execPath, ["--check", path]).stderr.toString()
      : stack;
    const where = told.split(/\n\s+at /)[0] ?? "";
    return `cannot be read as JavaScript\n${where.includes(message) ? where : message}`;
  }
  if (code === "MODULE_NOT_FOUND" || code === "ERR_MODULE_NOT_FOUND") return message.split("\n")[0];
  return undefined;
}

function wrong(file: string, what: string, cause?: unknown): OstinatoError {
  return new OstinatoError("ERR_MODULE", `${file}: ${what}`, { cause });
}
