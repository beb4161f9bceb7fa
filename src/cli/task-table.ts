import { systemClock } from "../index";
import type { Line } from "./remote";

/** The tasks as a table for a terminal; control characters in names and errors are made visible, not obeyed. */
export function taskTable(lines: readonly Line[], width = 120): string {
  const now = systemClock.now();
  const rows = [
    ["TASK", "STATE", "NEXT", "LAST RUN", "FAILURES", "NODE", "WHY"],
    ...lines.map(({ name, state, next, lastOutcome, lastEnd, failures, holder, error, why }) => [
      name,
      state,
      next === undefined ? "" : relative(Date.parse(next) - now),
      lastOutcome === undefined ? "" : `${lastOutcome} ${relative(Date.parse(lastEnd ?? "") - now)}`,
      String(failures),
      holder ?? "",
      error ?? why ?? "",
    ]),
  ].map((row) => row.map(visible));
  const widths =
    rows[0]?.map((_, column) => Math.min(44, Math.max(...rows.map((row) => row[column]?.length ?? 0)))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => fit(cell, widths[column] ?? 0))
        .join("  ")
        .slice(0, width)
        .trimEnd(),
    )
    .join("\n");
}

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text.padEnd(width);

const visible = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "·");

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
] as const;

function relative(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  const size = Math.abs(ms);
  const [length, unit] = units.find(([each]) => size >= each) ?? [1_000, "s"];
  const text = `${String(Math.round(size / length))}${unit}`;
  return ms > 0 ? `in ${text}` : `${text} ago`;
}
