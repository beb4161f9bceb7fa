/** Shows instants as people of one zone read them: `Sun 2026-03-29 03:00:00 +02:00`. */
export function instantPrinter(zone: string): (instant: Date) => string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    weekday: "short",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "longOffset",
  });
  return (instant) => {
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const offset = part("timeZoneName").replace("GMT", "") || "+00:00";
    const date = `${part("year")}-${part("month")}-${part("day")}`;
    return `${part("weekday")} ${date} ${part("hour")}:${part("minute")}:${part("second")} ${offset}`;
  };
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The two largest units of the time between two instants: `3h 5m`. */
export function timeUntil(from: Date, to: Date): string {
  let left = to.getTime() - from.getTime();
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 && parts.length < 2) parts.push(`${String(count)}${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.length === 0 ? `${String(left)}ms` : parts.join(" ");
}

/** Rows as lines, each column as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
