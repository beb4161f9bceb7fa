import type { Logger } from "pino";
import { cut, isEnabled, isError, logLevels, plainOf, textOf, toError } from "../foreign";
import type { Report } from "./report";

const longestValue = 500;

/**
 * A run's logger whose lines also go to those who follow the runtime's events. Only what the logger's level lets
 * through is told, and loggers made from it with `child` are not followed.
 */
export function overheard(
  logger: Logger,
  about: { task: string; runId: string; attempt: number },
  report: Report,
): Logger {
  const heard = Object.create(logger) as Logger;
  for (const level of logLevels) {
    heard[level] = (...args: unknown[]): void => {
      logger[level](...(args as [string]));
      if (!report.observed || !isEnabled(logger, level)) return;
      report.tell({ type: "log", ...about, level, ...linesOf(args) });
    };
  }
  return heard;
}

/** The message as pino would write it, and a bounded copy of the object that came before it. */
function linesOf(args: readonly unknown[]): { message: string; fields?: Record<string, unknown> } {
  const [first, ...rest] = args;
  if (isError(first)) {
    return { message: cut([toError(first).message, ...rest].map((part) => textOf(part, longestValue)).join(" ")) };
  }
  if (typeof first === "object" && first !== null) {
    return { message: fill(rest), fields: plainOf(first) as Record<string, unknown> };
  }
  return { message: fill(args) };
}

function fill(args: readonly unknown[]): string {
  const [text, ...values] = args;
  const message = text === undefined ? "" : textOf(text);
  return cut(
    message.replace(/%[sdijoO]/g, (mark) => (values.length === 0 ? mark : textOf(values.shift(), longestValue))),
  );
}
