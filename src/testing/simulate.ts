import pino from "pino";
import { isArray, readOptions, refuse, show, timeOf } from "../validate";
import { virtualClock, type VirtualClock } from "../clocks/virtual";
import { createRuntime, memoryStore, OstinatoError, type Runtime, type SpawnSpec, type SuperviseSpec } from "../index";
import { Simulation } from "./simulation";
import type { SimulatedRun } from "./simulation-data";

/** What to simulate: what a tasks file exports by default, or the specs themselves. */
export type SimulatedDefinition = ((runtime: Runtime) => unknown) | readonly SpawnSpec[];

export interface SimulateOptions {
  /** When the simulated runtime starts: a Date, milliseconds or an ISO date. */
  from: Date | number | string;
  /** When it ends; starts at this very instant no longer count. */
  to: Date | number | string;
  /** The time zone in which hours are counted and shown; default the machine's. Schedules keep their own. */
  zone?: string;
  /** The simulation ends early after this many starts, and its `truncatedAt` says when. Default 100000. */
  limit?: number;
}

/**
 * Runs tasks on a virtual clock, with a memory store and with nothing done by the tasks, and tells when each would
 * start. Work without a schedule is left out. A function given as the definition is really called, so
 * that what it does besides spawning is really done.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_TIME_ZONE, and what the specs are refused for
 */
export async function simulate(definition: SimulatedDefinition, given: SimulateOptions): Promise<Simulation> {
  const options = readOptions("simulate", given, ["from", "to", "zone", "limit"]);
  if (typeof definition !== "function" && !isArray(definition)) {
    refuse("simulate: definition", "a list of specs, or a function that spawns them", definition);
  }
  const from = instant("from", options.from);
  const to = instant("to", options.to);
  if (to <= from) {
    throw new OstinatoError("ERR_INVALID_OPTION", `to: expected a time after from; got ${new Date(to).toISOString()}`);
  }
  const { limit = 100_000, zone = new Intl.DateTimeFormat().resolvedOptions().timeZone } = options;
  requireZone(zone);
  const clock = virtualClock({ start: from });
  const runtime = createRuntime({
    clock,
    store: memoryStore(),
    logger: pino({ level: "silent" }),
    nodeId: "simulation",
    surviveUnhandledRejections: false,
  });
  const runs: SimulatedRun[] = [];
  const names: string[] = [];
  const stage = staged(runtime, clock, runs, names);
  if (typeof definition === "function") await definition(stage);
  else for (const spec of definition) stage.spawn(spec);
  await runtime.start();
  const truncatedAt = await pass(clock, to, () => runs.length >= limit);
  const stopping = runtime.stop();
  await clock.advance("1m");
  await stopping;
  const counted = runs.filter((run) => run.startedAt.getTime() < to).slice(0, limit);
  return new Simulation({ from: new Date(from), to: new Date(to), zone, runs: counted, tasks: names, truncatedAt });
}

/** Lets time pass in small steps up to `to`; returns when it ended, if that was early. */
async function pass(clock: VirtualClock, to: number, enough: () => boolean): Promise<Date | undefined> {
  const step = 15 * 60_000;
  while (clock.now() < to) {
    if (enough()) return new Date(clock.now());
    await clock.advanceTo(Math.min(to, clock.now() + step));
  }
  return undefined;
}

/** The runtime as the definition sees it: what is spawned only notes its starts; only the simulation starts and stops. */
function staged(runtime: Runtime, clock: VirtualClock, runs: SimulatedRun[], names: string[]): Runtime {
  const rehearse = (spec: SpawnSpec): SpawnSpec => {
    if (typeof spec !== "object" || (spec as unknown) === null || typeof spec.run !== "function") return spec;
    if (spec.schedule === undefined) return { ...spec, run: untilStopped };
    names.push(spec.name);
    const run = ({ name, scheduledAt }: { name: string; scheduledAt: Date }): void => {
      runs.push({ name, scheduledAt, startedAt: new Date(clock.now()) });
    };
    // Alone on its clock it needs no leases, which would only cost time.
    return { ...spec, exclusive: false, run };
  };
  const rehearseBranch = (spec: SuperviseSpec): SuperviseSpec => ({
    ...spec,
    children: spec.children.map((child) => ("children" in child ? rehearseBranch(child) : rehearse(child))),
  });
  const replaced: Record<string, unknown> = {
    spawn: (spec: SpawnSpec) => runtime.spawn(rehearse(spec)),
    supervise: (spec: SuperviseSpec) => runtime.supervise(rehearseBranch(spec)),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
  return new Proxy(runtime, {
    get(target, key) {
      if (typeof key === "string" && Object.hasOwn(replaced, key)) return replaced[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const untilStopped = ({ signal }: { signal: AbortSignal }): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

function instant(option: string, value: Date | number | string): number {
  const time = timeOf(value);
  if (Number.isNaN(time)) {
    throw new OstinatoError("ERR_INVALID_OPTION", `${option}: expected a Date, milliseconds, or an ISO date`);
  }
  return time;
}

function requireZone(zone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch (cause) {
    const expected = `zone: expected an IANA time zone such as "Europe/Paris" or "UTC"; got ${show(zone)}`;
    throw new OstinatoError("ERR_INVALID_TIME_ZONE", expected, { cause });
  }
}
