import { types } from "node:util";
import type { Logger } from "pino";
import { callGuarded } from "./calls";
import { toError } from "./errors";
import { isHarmless, survey } from "./harmless";
import { cut, isError, longestStack, plainOf, read, setOwn } from "./plain";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

const mostFields = 100;
const written = { total: 65_536, depth: 6 };

/**
 * A logger that never throws, whatever logger it is and whatever is logged: texts are bounded, and what the logger
 * chokes on is written as a plain copy. `failed` hears of a logger that throws even so.
 */
export function guardLogger(logger: Logger, failed: (error: Error) => void): Logger {
  const guarded = Object.create(logger) as Logger;
  for (const level of logLevels) {
    setOwn(guarded, level, (...args: unknown[]): void => write(logger, level, args, failed));
  }
  setOwn(guarded, "isLevelEnabled", (level: string): boolean => isEnabled(logger, level));
  setOwn(guarded, "child", (...args: Parameters<Logger["child"]>): Logger => {
    try {
      const child: unknown = logger.child(...args);
      if (typeof child === "object" && child !== null) return guardLogger(child as Logger, failed);
    } catch (thrown) {
      failed(toError(thrown));
    }
    return guarded;
  });
  Object.defineProperty(guarded, "level", {
    get: () => read(logger, "level"),
    set: (level: string) => callGuarded(() => (logger.level = level), failed),
  });
  return guarded;
}

/** Whether a logger writes lines of this level; one that cannot tell is taken to. */
export function isEnabled(logger: Logger, level: string): boolean {
  try {
    return logger.isLevelEnabled(level);
  } catch {
    return true;
  }
}

function write(logger: Logger, level: string, args: readonly unknown[], failed: (error: Error) => void): void {
  const log = read(logger, level);
  if (typeof log !== "function") return;
  let settled: unknown;
  try {
    settled = Reflect.apply(
      log,
      logger,
      args.map((argument) => bounded(logger, argument)),
    );
  } catch {
    try {
      settled = Reflect.apply(
        log,
        logger,
        args.map((argument) => plainOf(argument, written)),
      );
    } catch (thrown) {
      failed(toError(thrown));
      return;
    }
  }
  if (typeof settled === "object") callGuarded(() => settled, failed);
}

/** The argument itself where it is small, or a copy of it; fields that have a serializer are left to that. */
function bounded(logger: Logger, argument: unknown): unknown {
  if (typeof argument === "string") return cut(argument, longestStack);
  if (typeof argument === "bigint") return plainOf(argument);
  if (typeof argument !== "object" || argument === null) return argument;
  if (isError(argument)) return toError(argument);
  if (isHarmless(argument, survey())) return argument;
  if (Array.isArray(argument) || isData(argument)) return plainOf(argument, written);
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(argument).slice(0, mostFields)) {
    const field = read(argument, key);
    const own = isError(field) ? toError(field) : hasSerializer(logger, key) ? field : plainOf(field, written);
    setOwn(fields, key, own, true);
  }
  return fields;
}

/** Built-in objects whose keys are their bytes or characters, or none. */
function isData(value: object): boolean {
  return (
    ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isBoxedPrimitive(value) || types.isProxy(value)
  );
}

function hasSerializer(logger: Logger, key: string): boolean {
  const serializers = read(logger, Symbol.for("pino.serializers"));
  return typeof read(serializers, key) === "function";
}
