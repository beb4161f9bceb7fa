import { toError } from "../foreign";
import { writeFileSync } from "node:fs";
import { InvalidArgumentError, Option, type Command } from "commander";
import { OstinatoError, parseSchedule, systemClock, type Runtime, type Schedule } from "../index";
import { simulate } from "../testing";
import { instantPrinter, table, timeUntil } from "./instants";
import { loadSetup } from "./load";
import { readDuration, readText } from "./options";

interface NextOptions {
  count: number;
  from?: Date;
  zone?: string;
  json?: true;
  simulate?: true;
  for: number;
  svg?: string | true;
  rows: number;
}

const largestCount = 10_000;
const examples = `
A SCHEDULE is a cron expression ("0 9 * * mon-fri", "@daily"), a duration ("15m"), "daily 09:00",
"weekly mon,thu 09:30", "monthly last" (midnight), or as in code: 'daily({ hour: 9 })'.

Examples:
  $ ostinato next "0 9 * * mon-fri" --zone Europe/Paris
  $ ostinato next "daily 02:30" "*/15 * * * *" --count 5 --from 2026-03-28T12:00:00Z --zone Europe/Berlin
  $ ostinato next --simulate tasks.ts --for 7d
  $ ostinato next --simulate tasks.ts --for 1d --svg hours.svg
`;

/** `ostinato next`: when schedules are due, or when everything in a tasks file would run. */
export function nextCommand(program: Command): void {
  program
    .command("next")
    .argument("<SCHEDULE...>", "schedules; with --simulate, files of tasks")
    .description("show the coming runs of schedules, or of everything in a file of tasks")
    .option("--count <N>", "how many runs of each schedule", readCount, 10)
    .option("--from <ISO>", "the instant after which to look (default: now)", readInstant)
    .option("--zone <ZONE>", "the time zone of schedules that name none, and of the times shown", readText)
    .option("--simulate", "take FILEs and run their tasks on a clock of their own")
    .addOption(new Option("--for <DURATION>", "how long to simulate").argParser(readDuration).default(86_400_000, "1d"))
    .option("--rows <N>", "how many simulated starts to list", readCount, 50)
    .addOption(new Option("--svg [PATH]", "the busy hours as a picture, to PATH or to stdout").conflicts("json"))
    .option("--json", "print JSON")
    .addHelpText("after", examples)
    .action(async (given: string[], options: NextOptions) => {
      const zone = options.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
      const from = options.from ?? new Date(systemClock.now());
      if (options.simulate) await showSimulation(given, from, zone, options);
      else if (options.svg !== undefined) throw new OstinatoError("ERR_USAGE", "--svg goes with --simulate FILE");
      else showNext(given, from, zone, options);
    });
}

function readCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > largestCount) {
    throw new InvalidArgumentError(`Allowed is a whole number from 1 to ${String(largestCount)}.`);
  }
  return count;
}

function readInstant(text: string): Date {
  const instant = new Date(text);
  if (!/^\d{4}-\d{2}/.test(text) || Number.isNaN(instant.getTime())) {
    throw new InvalidArgumentError('Allowed is an ISO date, such as "2026-03-29" or "2026-03-29T00:30:00Z".');
  }
  return instant;
}

function upcoming(schedule: Schedule, from: Date, count: number): Date[] {
  const found: Date[] = [];
  for (let at = schedule.next(from); at !== undefined && found.length < count; at = schedule.next(at)) found.push(at);
  return found;
}

function showNext(texts: readonly string[], from: Date, zone: string, options: NextOptions): void {
  // The zone is checked by a schedule, which knows the nearest names.
  parseSchedule("daily 00:00", { timeZone: zone });
  const schedules = texts.map((text) => ({ text, schedule: parseSchedule(text, { timeZone: zone }) }));
  const found = schedules.map(({ text, schedule }) => ({ text, runs: upcoming(schedule, from, options.count) }));
  if (options.json) {
    console.log(
      JSON.stringify(
        found.map(({ text, runs }) => ({ schedule: text, zone, runs })),
        undefined,
        2,
      ),
    );
    return;
  }
  const print = instantPrinter(zone);
  for (const { text, runs } of found) {
    const rows = runs.map((at) => [print(at), at.toISOString(), timeUntil(from, at)]);
    const shown = rows.length === 0 ? ["never again"] : table([[zone, "UTC", "IN"], ...rows]);
    console.log(`${text}\n${shown.map((line) => `  ${line}`).join("\n")}\n`);
  }
}

async function showSimulation(files: readonly string[], from: Date, zone: string, options: NextOptions): Promise<void> {
  parseSchedule("daily 00:00", { timeZone: zone });
  const setups = await Promise.all(files.map((file) => loadSetup(file)));
  const all = async (runtime: Runtime): Promise<void> => {
    for (const setup of setups) await setup(runtime);
  };
  const simulation = await simulate(all, { from, to: new Date(from.getTime() + options.for), zone });
  if (options.json) console.log(JSON.stringify(simulation, undefined, 2));
  else if (options.svg === true) console.log(simulation.toSvg());
  else if (options.svg !== undefined) {
    writeSvg(options.svg, simulation.toSvg());
    console.log(`${options.svg}: written`);
  } else console.log(`${simulation.toTable({ rows: options.rows })}\n${simulation.toChart()}`);
}

function writeSvg(path: string, svg: string): void {
  try {
    writeFileSync(path, svg);
  } catch (cause) {
    throw new OstinatoError("ERR_USAGE", `--svg ${path}: cannot be written: ${toError(cause).message}`, { cause });
  }
}
