/** Text of others on a terminal: control characters are made visible, not obeyed. */
export const visible = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "·");

export const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text.padEnd(width);

/** Rows as lines, each column as wide as its widest cell, up to a limit. */
export function columns(rows: readonly (readonly string[])[], width = 120): string {
  const cells = rows.map((row) => row.map(visible));
  const widths =
    cells[0]?.map((_, column) => Math.min(44, Math.max(...cells.map((row) => row[column]?.length ?? 0)))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) => fit(cell, widths[column] ?? 0))
        .join("  ")
        .slice(0, width)
        .trimEnd(),
    )
    .join("\n");
}

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
] as const;

/** A duration as one types it, exactly: `90s`, `5m`, `250ms`. */
export function exactly(ms: number): string {
  const [length, unit] = units.find(([each]) => ms % each === 0) ?? [1, "ms"];
  return `${String(ms / length)}${unit}`;
}

/** A distance in time from now: `in 5m`, `3s ago`. */
export function relative(ms: number): string {
  if (!Number.isFinite(ms)) return "";
  const size = Math.abs(ms);
  const [length, unit] = units.find(([each]) => size >= each) ?? [1_000, "s"];
  const text = `${String(Math.round(size / length))}${unit}`;
  return ms > 0 ? `in ${text}` : `${text} ago`;
}
