import type { Collision, Evening, HourCount, SimulatedRun, SimulationData, TaskCount } from "./simulation-data";
import { renderChart, renderSvg, renderTable } from "./simulation-views";

export interface SimulationFacts {
  from: Date;
  to: Date;
  zone: string;
  runs: SimulatedRun[];
  /** Names of all scheduled tasks, also of those that never ran. */
  tasks: readonly string[];
  truncatedAt: Date | undefined;
}

/** When everything would run. */
export class Simulation implements SimulationData {
  readonly from: Date;
  readonly to: Date;
  readonly zone: string;
  /** In the order of their starts. */
  readonly runs: readonly SimulatedRun[];
  readonly perTask: readonly TaskCount[];
  /** All 24 hours of the day, from 0. */
  readonly hours: readonly HourCount[];
  /** The hours of the day with the most starts, at most five, the busiest first. */
  readonly busiestHours: readonly HourCount[];
  readonly collisions: readonly Collision[];
  /** Left out where nothing collides. */
  readonly evening: Evening | undefined;
  /** Set where the limit of starts ended the simulation before `to`. */
  readonly truncatedAt: Date | undefined;

  constructor(facts: SimulationFacts) {
    this.from = facts.from;
    this.to = facts.to;
    this.zone = facts.zone;
    this.truncatedAt = facts.truncatedAt;
    this.runs = facts.runs;
    this.perTask = countTasks(facts);
    this.hours = countHours(facts);
    this.busiestHours = this.hours
      .filter(({ runs }) => runs > 0)
      .sort((a, b) => b.runs - a.runs || a.hour - b.hour)
      .slice(0, 5);
    this.collisions = findCollisions(facts.runs);
    this.evening = evenOut(this.collisions);
  }

  /** The starts, one line each, at most `rows` of them (default 50), then the counts, collisions and advice. */
  toTable(options: { rows?: number } = {}): string {
    return renderTable(this, options.rows ?? 50);
  }

  /** A bar for each hour of the day. */
  toChart(): string {
    return renderChart(this);
  }

  /** The same bars as a picture. */
  toSvg(): string {
    return renderSvg(this);
  }

  toJSON(): object {
    const { from, to, zone, truncatedAt, runs, perTask, hours, busiestHours, collisions, evening } = this;
    return { from, to, zone, truncatedAt, runs, perTask, hours, busiestHours, collisions, evening };
  }
}

function countTasks({ runs, tasks }: SimulationFacts): TaskCount[] {
  const counts = new Map<string, TaskCount>(tasks.map((name) => [name, { name, runs: 0 }]));
  for (const { name, startedAt } of runs) {
    const count = counts.get(name) ?? { name, runs: 0 };
    counts.set(name, { name, runs: count.runs + 1, first: count.first ?? startedAt, last: startedAt });
  }
  return [...counts.values()];
}

function countHours({ runs, zone }: SimulationFacts): HourCount[] {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: zone, hour: "2-digit", hourCycle: "h23" });
  const hours = Array.from({ length: 24 }, (_, hour) => ({ hour, runs: 0 }));
  for (const { startedAt } of runs) {
    const count = hours[Number(format.format(startedAt)) % 24];
    if (count !== undefined) count.runs += 1;
  }
  return hours;
}

function findCollisions(runs: readonly SimulatedRun[]): Collision[] {
  const seconds = new Map<number, Set<string>>();
  for (const { name, startedAt } of runs) {
    const second = Math.floor(startedAt.getTime() / 1_000);
    seconds.set(second, (seconds.get(second) ?? new Set()).add(name));
  }
  return [...seconds]
    .filter(([, tasks]) => tasks.size > 1)
    .map(([second, tasks]) => ({ at: new Date(second * 1_000), tasks: [...tasks] }));
}

const windows = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];

/**
 * Of n tasks that each start at any second of a window w, some two share one with a chance of about n(n - 1) / 2w. The
 * window is the shortest round one for which that is less than one half; an hour where none is.
 */
function evenOut(collisions: readonly Collision[]): Evening | undefined {
  if (collisions.length === 0) return undefined;
  const { tasks } = collisions.reduce((most, each) => (each.tasks.length > most.tasks.length ? each : most));
  const pairs = (tasks.length * (tasks.length - 1)) / 2;
  const seconds = windows.find((window) => pairs / window < 0.5) ?? 3_600;
  return { tasks, window: seconds * 1_000 };
}
