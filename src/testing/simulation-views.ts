import type { Collision, SimulationData } from "./simulation-data";

const collisionsShown = 10;

/** An instant in a zone: `2026-03-29 03:00:00 GMT+02:00`. */
function stamp(zone: string): (instant: Date) => string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    hourCycle: "h23",
    timeZoneName: "longOffset",
  });
  return (instant) => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const { year, month, day, hour, minute, second, timeZoneName } = part;
    return `${year ?? ""}-${month ?? ""}-${day ?? ""} ${hour ?? ""}:${minute ?? ""}:${second ?? ""} ${timeZoneName ?? ""}`;
  };
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function seconds(milliseconds: number): string {
  return `${String(milliseconds / 1_000)}s`;
}

export function renderTable(simulation: SimulationData, rows: number): string {
  const { runs, perTask, collisions, evening, truncatedAt, zone } = simulation;
  const show = stamp(zone);
  const lines = columns([
    ["START", "TASK", "LATE BY"],
    ...runs
      .slice(0, rows)
      .map(({ name, scheduledAt, startedAt }) => [
        show(startedAt),
        name,
        seconds(startedAt.getTime() - scheduledAt.getTime()),
      ]),
  ]);
  if (runs.length > rows) lines.push(`… and ${String(runs.length - rows)} more`);
  lines.push(
    "",
    ...columns([
      ["TASK", "RUNS", "FIRST", "LAST"],
      ...perTask.map(({ name, runs: count, first, last }) => [
        name,
        String(count),
        first === undefined ? "never" : show(first),
        last === undefined ? "" : show(last),
      ]),
    ]),
    "",
    ...collisionLines(collisions, show),
  );
  if (evening !== undefined) {
    const who = evening.tasks.length > 5 ? `${String(evening.tasks.length)} tasks` : evening.tasks.join(", ");
    lines.push(`A spread or jitter of ${seconds(evening.window)} on ${who} would most likely keep them apart.`);
  }
  if (truncatedAt !== undefined) lines.push(`Too many starts: the simulation ended at ${show(truncatedAt)}.`);
  return `${lines.join("\n")}\n`;
}

function collisionLines(collisions: readonly Collision[], show: (instant: Date) => string): string[] {
  if (collisions.length === 0) return ["No two tasks start in the same second."];
  const most = [...collisions].sort((a, b) => b.tasks.length - a.tasks.length).slice(0, collisionsShown);
  const lines = most.map(({ at, tasks }) => [show(at), String(tasks.length), tasks.slice(0, 8).join(", ")]);
  const count = collisions.length === 1 ? "1 second" : `${String(collisions.length)} seconds`;
  const heading = `${count} in which several tasks start; those with most:`;
  return [heading, ...columns(lines)];
}

export function renderChart({ hours, zone }: SimulationData): string {
  const most = Math.max(1, ...hours.map(({ runs }) => runs));
  const lines = hours.map(({ hour, runs }) => {
    const bar = "█".repeat(runs === 0 ? 0 : Math.max(1, Math.round((runs / most) * 50)));
    return `${String(hour).padStart(2, "0")}:00  ${bar}${bar === "" ? "" : " "}${String(runs)}`;
  });
  return `Starts by hour of the day (${zone})\n${lines.join("\n")}\n`;
}

export function renderSvg({ hours, zone, from, to }: SimulationData): string {
  const most = Math.max(1, ...hours.map(({ runs }) => runs));
  const [width, height, bar] = [720, 240, 28];
  const bars = hours.map(({ hour, runs }) => {
    const size = Math.round((runs / most) * 160);
    const [x, y] = [24 + hour * bar, 200 - size];
    const label = `<text x="${String(x + 11)}" y="216">${String(hour)}</text>`;
    const count = runs === 0 ? "" : `<text x="${String(x + 11)}" y="${String(y - 4)}">${String(runs)}</text>`;
    return `<rect x="${String(x)}" y="${String(y)}" width="22" height="${String(size)}" fill="#3b6ea5"/>${label}${count}`;
  });
  const title = `Starts by hour of the day, ${from.toISOString()} to ${to.toISOString()}, ${escape(zone)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(width)} ${String(height)}" role="img"`,
    ` font-family="sans-serif" font-size="9" text-anchor="middle"><title>${title}</title>`,
    `<text x="${String(width / 2)}" y="16" font-size="12">${title}</text>`,
    ...bars,
    "</svg>\n",
  ].join("");
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${String(sign.codePointAt(0))};`);
}
