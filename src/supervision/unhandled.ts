import { toError } from "../errors";
import type { Report } from "./report";

const reports = new Set<Report>();

/**
 * While a runtime runs, a rejection that a task left behind without anybody handling it is reported and ends nothing
 * (`S8`): Node would end the process, and with it every sibling. The listener is one for all runtimes of the process
 * and goes with the last of them.
 *
 * Returns the function that ends it.
 */
export function reportUnhandled(report: Report): () => void {
  if (reports.size === 0) process.on("unhandledRejection", tellAll);
  reports.add(report);
  return () => {
    reports.delete(report);
    if (reports.size === 0) process.off("unhandledRejection", tellAll);
  };
}

function tellAll(reason: unknown): void {
  const err = toError(reason);
  for (const report of reports) {
    report.tell({ type: "warning", task: "", message: "a promise was rejected and nobody handled it", err });
  }
}
