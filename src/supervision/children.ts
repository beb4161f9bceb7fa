import type { Alarm, Alarms } from "../alarms";
import type { ChildExit } from "../../machines/events";
import type { Clock } from "../clock";
import { toError, type OstinatoError } from "../errors";
import type { Random } from "../identity";
import { backoffDelay } from "../rules/backoff";
import { recordRestart, type Intensity } from "../rules/intensity";
import { decide, type AutoShutdown, type Strategy } from "../rules/restart";
import type { Child } from "./child";
import { EscalationError, type RememberedExit } from "./crash-report";
import type { Report } from "./report";

interface Entry {
  readonly child: Child;
  state: "idle" | "running" | "restarting" | "stopping" | "ended";
  /** Restarts since it was last healthy. */
  restarts: number;
  startedAt: number;
  lastError?: unknown;
}

/** Children that are to be started together, once those to be stopped have stopped and the backoff is over. */
interface Plan {
  readonly names: Set<string>;
  dueAt: number;
  stopping: number;
  alarm?: Alarm;
}

export interface ChildrenOptions {
  owner: string;
  strategy: Strategy;
  intensity: Intensity;
  autoShutdown: AutoShutdown;
  clock: Clock;
  alarms: Alarms;
  random: Random;
  report: Report;
  onRestarting: () => void;
  onRestarted: () => void;
  onGiveUp: (error: OstinatoError) => void;
  onAutoShutdown: () => void;
}

const exitsKept = 20;

/** The ordered children of one supervisor: carries out what `rules/restart` and `rules/intensity` decide. */
export class Children {
  readonly #options: ChildrenOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #plans = new Map<string, Plan>();
  #restartTimes: readonly number[] = [];
  /** The last of those that {@link #restartTimes} counts, for the report. */
  readonly #exits: RememberedExit[] = [];
  #stopping = false;
  #hurried = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  *[Symbol.iterator](): Iterator<Child> {
    for (const entry of this.#entries.values()) yield entry.child;
  }

  add(child: Child): void {
    this.#entries.set(child.name, { child, state: "idle", restarts: 0, startedAt: 0 });
  }

  /** A child of this name, or one below a child. */
  find(name: string): Child | undefined {
    const own = this.#entries.get(name)?.child;
    if (own !== undefined) return own;
    for (const { child } of this.#entries.values()) {
      const below = child.find(name);
      if (below !== undefined) return below;
    }
    return undefined;
  }

  startAll(): void {
    this.#stopping = false;
    this.#hurried = false;
    this.#restartTimes = [];
    this.#exits.length = 0;
    for (const entry of [...this.#entries.values()]) {
      if (entry.state === "idle" && !this.#stopping) this.#start(entry);
    }
  }

  start(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.state === "idle" && !this.#stopping) this.#start(entry);
  }

  /** A child has ended by itself. */
  exited(name: string, how: ChildExit, error: unknown): void {
    const entry = this.#entries.get(name);
    if (entry?.state !== "running" || this.#stopping) return;
    entry.state = "ended";
    entry.lastError = error;
    const { strategy, autoShutdown } = this.#options;
    // Only the exited child matters one for one; a look at all siblings would make a million short lives quadratic.
    const alone = strategy === "one_for_one" && autoShutdown === "never";
    const decision = decide({
      strategy,
      autoShutdown,
      children: (alone ? [entry] : [...this.#entries.values()]).map((each) => ({
        name: each.child.name,
        restart: each.child.restart,
        significant: each.child.significant,
        state: each.state === "running" ? "running" : each.state === "restarting" ? "restarting" : "stopped",
      })),
      exited: name,
      how: how === "stopped" ? "success" : how,
    });
    if (!decision.restart) {
      for (const gone of decision.remove) this.#remove(gone);
      if (decision.shutdown) this.#options.onAutoShutdown();
      return;
    }
    this.#restart(entry, decision, error);
  }

  #restart(entry: Entry, decision: { stop: string[]; start: string[]; remove: string[] }, error: unknown): void {
    const { clock, intensity, random, report, strategy, alarms } = this.#options;
    const { child } = entry;
    const recorded = recordRestart(this.#restartTimes, clock.monotonic(), intensity);
    this.#restartTimes = recorded.times;
    this.#exits.push({ child: child.name, at: clock.monotonic() });
    this.#exits.splice(0, this.#exits.length - Math.min(recorded.times.length, exitsKept));
    if (recorded.exceeded) {
      const { owner: supervisor } = this.#options;
      const children = [...this.#entries.keys()];
      const exits = this.#exits;
      this.#options.onGiveUp(
        new EscalationError({ supervisor, strategy, intensity, child: child.name, error, exits, children }),
      );
      return;
    }
    if (clock.monotonic() - entry.startedAt >= child.retry.maxDelay) entry.restarts = 0;
    entry.restarts += 1;
    const delay = backoffDelay(child.retry, entry.restarts, random());
    const err = error === undefined ? {} : { err: toError(error) };
    report.tell({ type: "restarting", task: child.name, delayMs: Math.round(delay), restarts: entry.restarts, ...err });
    this.#options.onRestarting();

    const key = strategy === "one_for_one" ? child.name : "";
    const plan = this.#plans.get(key) ?? { names: new Set<string>(), dueAt: 0, stopping: 0 };
    this.#plans.set(key, plan);
    plan.dueAt = Math.max(plan.dueAt, clock.monotonic() + delay);
    for (const name of decision.start) {
      plan.names.add(name);
      // Whoever had ended before comes back too, and counts as alive from now on.
      const planned = this.#entries.get(name);
      if (planned?.state === "ended") planned.state = "restarting";
    }
    child.awaitRestart(clock.now() + delay);
    if (decision.stop.length > 0) void this.#stopForRestart(key, plan, decision);
    plan.alarm?.cancel();
    plan.alarm = alarms.after(plan.dueAt - clock.monotonic(), () => this.#carryOut(key, plan));
  }

  async #stopForRestart(key: string, plan: Plan, decision: { stop: string[]; remove: string[] }): Promise<void> {
    plan.stopping += 1;
    const entries = decision.stop.flatMap((name) => this.#entries.get(name) ?? []);
    // All at once: one that ends by itself before its turn is no further restart, as in OTP.
    for (const entry of entries) entry.state = decision.remove.includes(entry.child.name) ? "stopping" : "restarting";
    for (const entry of entries) {
      const { name } = entry.child;
      if (this.#entries.get(name) !== entry) continue;
      await entry.child.stop();
      if (this.#stopping) return;
      if (decision.remove.includes(name) && this.#entries.get(name) === entry) this.#remove(name);
    }
    plan.stopping -= 1;
    this.#carryOut(key, plan);
  }

  #carryOut(key: string, plan: Plan): void {
    if (this.#stopping || plan.stopping > 0 || this.#options.clock.monotonic() < plan.dueAt) return;
    if (this.#plans.get(key) !== plan) return;
    this.#plans.delete(key);
    plan.alarm?.cancel();
    for (const [name, entry] of [...this.#entries]) {
      if (plan.names.has(name) && entry.state === "restarting" && !this.#stopping) this.#start(entry);
    }
    if (this.#plans.size === 0) this.#options.onRestarted();
  }

  #start(entry: Entry): void {
    entry.state = "running";
    entry.startedAt = this.#options.clock.monotonic();
    entry.child.start();
  }

  /** Stops one child for good and forgets it. */
  async stopOne(child: Child): Promise<void> {
    const entry = this.#entries.get(child.name);
    if (entry?.child !== child) return;
    this.#forgetPlan(child.name);
    entry.state = "stopping";
    await child.stop();
    this.#remove(child.name);
  }

  /** Stops one child and starts it again. */
  async restartOne(child: Child): Promise<void> {
    const entry = this.#entries.get(child.name);
    if (entry?.child !== child || entry.state === "stopping" || entry.state === "idle") return;
    for (const { names, stopping } of this.#plans.values()) if (stopping > 0 && names.has(child.name)) return;
    this.#forgetPlan(child.name);
    entry.state = "stopping";
    await child.stop();
    if (!this.#stopping && this.#entries.get(child.name) === entry) this.#start(entry);
  }

  /** Stops all in reverse order, each before the next; nothing new begins in any of them meanwhile. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    for (const plan of this.#plans.values()) plan.alarm?.cancel();
    this.#plans.clear();
    const reversed = [...this.#entries.values()].reverse();
    for (const entry of reversed) entry.child.drain();
    for (const entry of reversed) {
      if (this.#hurried) entry.child.hurry();
      await entry.child.stop();
      entry.state = "idle";
    }
  }

  hurry(): void {
    this.#hurried = true;
    for (const entry of this.#entries.values()) entry.child.hurry();
  }

  disposeAll(): void {
    for (const name of [...this.#entries.keys()]) this.#remove(name);
  }

  #forgetPlan(name: string): void {
    for (const [key, plan] of this.#plans) {
      plan.names.delete(name);
      if (plan.names.size > 0) continue;
      plan.alarm?.cancel();
      this.#plans.delete(key);
      if (this.#plans.size === 0) this.#options.onRestarted();
    }
  }

  #remove(name: string): void {
    this.#entries.get(name)?.child.dispose();
    this.#entries.delete(name);
  }
}
