import { systemClock } from "../index";
import { columns, relative } from "./columns";
import type { Line } from "./remote";

/** The tasks as a table for a terminal. */
export function taskTable(lines: readonly Line[], width = 120): string {
  const now = systemClock.now();
  const rows = lines.map(({ name, state, next, lastOutcome, lastEnd, failures, holder, error, why }) => [
    name,
    state,
    next === undefined ? "" : relative(Date.parse(next) - now),
    lastOutcome === undefined ? "" : `${lastOutcome} ${relative(Date.parse(lastEnd ?? "") - now)}`,
    String(failures),
    holder ?? "",
    error ?? why ?? "",
  ]);
  return columns([["TASK", "STATE", "NEXT", "LAST RUN", "FAILURES", "NODE", "WHY"], ...rows], width);
}
