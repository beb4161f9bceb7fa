import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OstinatoError, toError } from "../errors";
import type { Runtime } from "../index";

/** What a tasks file exports by default. */
export type TasksFile = (runtime: Runtime) => unknown;

/**
 * Loads a tasks file: CommonJS, an ES module, or TypeScript, which is not type-checked.
 *
 * @throws OstinatoError ERR_MODULE
 */
export async function loadTasksFile(path: string): Promise<TasksFile> {
  const file = resolve(path);
  if (!existsSync(file)) throw new OstinatoError("ERR_MODULE", `${path}: there is no such file`);
  let loaded: unknown;
  try {
    if (/\.c?ts$/.test(file)) {
      await understandTypeScript();
      loaded = createRequire(file)(file);
    } else loaded = await import(pathToFileURL(file).href);
  } catch (cause) {
    throw new OstinatoError("ERR_MODULE", `${path}: cannot be loaded: ${toError(cause).message}`, { cause });
  }
  const tasks = defaultOf(defaultOf(loaded));
  if (typeof tasks !== "function") {
    throw new OstinatoError("ERR_MODULE", `${path}: must export a function of the runtime by default`);
  }
  return tasks as TasksFile;
}

async function understandTypeScript(): Promise<void> {
  const { register } = await import("ts-node");
  if (Symbol.for("ts-node.register.instance") in process) return;
  const compilerOptions = { module: "commonjs", target: "es2022", esModuleInterop: true };
  register({ transpileOnly: true, skipProject: true, compilerOptions });
}

/** An ES module's default, which may itself be a CommonJS module with one. */
function defaultOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "default" in value ? value.default : value;
}
