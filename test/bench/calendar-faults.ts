/*
 * Asks every scheduler what ostinato is asked in test/schedules/every-change.test.ts, and writes the table of faults to
 * docs/calendar-comparison.md. That takes a quarter of an hour, so that it wants ZONES=all; ZONES=Europe/Paris,… asks
 * about these alone, and without it about every twentieth zone: both only print.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checksOf, zoneNames, type Check } from "../helpers/calendar-checks";
import { cronPackage, croner, cronParser, nodeSchedule, ostinato, type Peer } from "./peers";

type Manner = "late" | "early" | "stuck" | "none";

interface Tally {
  peer: Peer;
  version: string;
  checks: number;
  faults: Record<Check["kind"], number>;
  manners: Record<Manner, number>;
  examples: Map<string, string>;
  /** Answers by what they hang on: many zones make the same change at the same instant. */
  known: Map<string, number | undefined>;
  /** Questions about the zone at hand. */
  asks: Map<string, (after: number) => number | undefined>;
}

const root = join(__dirname, "../..");
const asked = process.env["ZONES"];
const sample = zoneNames.filter((_, index) => index % 20 === 0);
const zones = asked === undefined ? sample : asked === "all" ? zoneNames : asked.split(",");

function versionOf(name: string): string {
  const folder = name === "ostinato" ? root : join(root, "node_modules", name);
  return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
}

const tallies = [ostinato, croner, cronParser, cronPackage, nodeSchedule].map((peer): Tally => ({
  peer,
  version: versionOf(peer.name),
  checks: 0,
  faults: { gap: 0, overlap: 0, elapsed: 0 },
  manners: { late: 0, early: 0, stuck: 0, none: 0 },
  examples: new Map(),
  known: new Map(),
  asks: new Map(),
}));

function answer(tally: Tally, check: Check): number | undefined {
  const { at, before, after } = check.change;
  const key = [at, before, after, check.expression, check.after, check.expected].join(" ");
  if (!tally.known.has(key)) {
    let due: number | undefined;
    try {
      let ask = tally.asks.get(check.expression);
      if (ask === undefined) tally.asks.set(check.expression, (ask = tally.peer.prepare(check.expression, check.zone)));
      due = ask(check.after);
    } catch {
      due = undefined;
    }
    tally.known.set(key, due);
  }
  return tally.known.get(key);
}

function judge(check: Check, due: number | undefined): Manner | undefined {
  if (due === check.expected) return undefined;
  if (due === undefined || Number.isNaN(due)) return "none";
  if (due <= check.after) return "stuck";
  return due < check.expected ? "early" : "late";
}

const iso = (instant: number | undefined): string =>
  instant === undefined || Number.isNaN(instant)
    ? "never, or an error"
    : new Date(instant).toISOString().replace(".000Z", "Z");

for (const [index, zone] of zones.entries()) {
  process.stderr.write(`\r${String(index + 1)} of ${String(zones.length)} zones `);
  for (const tally of tallies) tally.asks.clear();
  for (const check of checksOf(zone)) {
    for (const tally of tallies) {
      const due = answer(tally, check);
      const manner = judge(check, due);
      tally.checks += 1;
      if (manner === undefined) continue;
      tally.faults[check.kind] += 1;
      tally.manners[manner] += 1;
      const kind = `${check.kind} ${manner}`;
      if (tally.examples.has(kind)) continue;
      const asked = `\`${check.expression}\` in ${zone} after ${iso(check.after)}`;
      tally.examples.set(kind, `${asked}: ${iso(due)}, where ${iso(check.expected)} is right`);
    }
  }
}

const count = (value: number): string => value.toLocaleString("en-US");
const total = (tally: Tally): number => Object.values(tally.faults).reduce((sum, faults) => sum + faults, 0);
const rows = tallies.map((tally) => {
  const { peer, version, checks, faults, manners } = tally;
  const cells = [total(tally), faults.gap, faults.overlap, faults.elapsed];
  const ways = [manners.late, manners.early, manners.stuck, manners.none];
  return `| ${peer.name} ${version} | ${[checks, ...cells, ...ways].map(count).join(" | ")} |`;
});
const examples = tallies
  .filter((tally) => tally.examples.size > 0)
  .map((tally) => {
    const lines = [...tally.examples].map(([kind, text]) => `- ${kind.replace(" ", ", ")}: ${text}`);
    return `### ${tally.peer.name}\n\n${lines.join("\n")}`;
  });

const page = `# The calendar, compared

Five schedulers were asked the same questions around every offset change of every time zone from 2000 to 2037
(${count(zones.length)} zones, Node ${process.versions.node}, time zone data ${process.versions.tz ?? "unknown"}): when does a daily time run that
lies inside, at an end of or beside the hour that is skipped or repeated, and do \`*/15 * * * *\` and \`* * * * * *\` go on
through it? The right answers come from a search through every minute of the wall clock, as Node's \`Intl\` shows it; it
shares nothing with ostinato's code. \`npx ts-node test/bench/calendar-faults.ts\` makes this page anew.

The rules that judge are ostinato's: a time that a gap skips runs at the first instant after the gap, as one run; a time
that an overlap repeats runs the first time only; a day that the zone skips altogether has no run; what repeats by
elapsed time goes on without a gap and without a repeat. A scheduler that promises something else (to run a skipped 02:30
at 03:30, say) is counted as being at fault here and keeps its own word nevertheless.

| scheduler | checks | faults | in gaps | in overlaps | by elapsed time | too late | too early | not later than asked | never, or an error |
| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |
${rows.join("\n")}

"Too late" is a run that was missed or moved, "too early" one that should not be; "not later than asked" is what makes
timers storm.

## The first fault of each kind

${examples.join("\n\n")}
`;

process.stderr.write("\n");
if (asked === "all") writeFileSync(join(root, "docs/calendar-comparison.md"), page);
console.log(page);
process.exit(0);
