import type { Logger } from "pino";
import type { Report } from "./report";

const methods = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/**
 * A run's logger that whoever follows the runtime's events hears too. Only what the logger's level lets through is
 * told, and children made from it are not overheard.
 */
export function overheard(
  logger: Logger,
  about: { task: string; runId: string; attempt: number },
  report: Report,
): Logger {
  const heard = Object.create(logger) as Logger;
  for (const level of methods) {
    const log = logger[level];
    heard[level] = (...args: unknown[]): void => {
      log.apply(logger, args as [string]);
      if (!report.observed || !logger.isLevelEnabled(level)) return;
      report.tell({ type: "log", ...about, level, ...linesOf(args) });
    };
  }
  return heard;
}

/** The message as pino would write it, and the object that came before it. */
function linesOf(args: readonly unknown[]): { message: string; fields?: Record<string, unknown> } {
  const [first, ...rest] = args;
  if (first instanceof Error) return { message: [first.message, ...rest].map(String).join(" ") };
  if (typeof first === "object" && first !== null) {
    return { message: fill(rest), fields: first as Record<string, unknown> };
  }
  return { message: fill(args) };
}

function fill(args: readonly unknown[]): string {
  const [text, ...values] = args;
  return textOf(text).replace(/%[sdijoO]/g, (mark) => (values.length === 0 ? mark : textOf(values.shift())));
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
