import type { Verdict } from "../../machines/events";
import type { TaskRecord } from "../rules/task-record";
import { nextIfAny } from "../schedules/checked";
import type { Decision, DecisionKind } from "./decision";
import type { Host } from "./host";
import type { ParsedSpec } from "./spec";

interface Kept {
  at: number;
  kind: DecisionKind;
  tick: number;
  /** A node, or what a newer version is called. */
  detail: string;
  times: number;
}

/** As many decisions as one task keeps. */
const limit = 8;

/**
 * Why a task ran, or did not: the last decisions on it, kept by every node for itself. Each costs a few writes into
 * objects that are used again.
 */
export class Decisions {
  readonly #kept: Kept[] = [];
  readonly #spec: ParsedSpec;
  readonly #host: Host;
  #last = -1;
  #lastRun: string | undefined;

  constructor(spec: ParsedSpec, host: Host) {
    this.#spec = spec;
    this.#host = host;
  }

  pausedHere(): void {
    if (this.#keep("paused", NaN)) this.#tell();
  }

  note(verdict: Verdict, record: TaskRecord | undefined): void {
    if (verdict.type === "CLAIMED") {
      this.#lastRun = verdict.runId;
      this.#keep("ranHere", verdict.tick);
    } else if (verdict.type === "NOT_DUE") this.#noteNotDue(verdict.nextDue, record);
    else if (this.#noteHindrance(verdict, record)) this.#tell();
  }

  #noteNotDue(nextDue: number, record: TaskRecord | undefined): void {
    const run = record?.previousRun;
    if (run !== undefined && run.runId !== this.#lastRun && run.node !== this.#host.nodeId) {
      this.#keep("ranElsewhere", run.scheduledAt, run.node);
    }
    this.#lastRun = run?.runId;
    const { rule } = this.#spec;
    const tick = record?.tick;
    if (rule?.misfire === "skip" && typeof tick === "number") {
      const passed = nextIfAny(rule.schedule, tick) ?? Infinity;
      if (passed < this.#host.clock.now() - rule.grace && this.#keep("missed", passed)) this.#tell();
    }
    this.#keep("notDue", nextDue);
  }

  #noteHindrance(verdict: Exclude<Verdict, { type: "CLAIMED" | "NOT_DUE" }>, record: TaskRecord | undefined): boolean {
    switch (verdict.type) {
      case "HELD":
        return this.#keep("heldElsewhere", record?.tick ?? NaN, verdict.holder);
      case "RETRY_DUE_LATER":
        return this.#keep("waitsForRetry", verdict.retryAt);
      case "UNREACHABLE":
        return this.#keep("storeUnreachable", NaN);
      case "REFUSED":
        return this.#keep(verdict.because ?? "newerRecord", NaN, verdict.reason);
      case "PAUSED":
        return this.#keep("paused", NaN, "everywhere");
      case "EXHAUSTED":
        return this.#keep("exhausted", NaN);
    }
  }

  /** Newest first. */
  list(): Decision[] {
    const kept = this.#kept;
    return kept.map((_, index) => tell(kept[(this.#last - index + kept.length) % kept.length] as Kept));
  }

  /** The same over and over is told once. */
  #tell(): void {
    const { report } = this.#host;
    const kept = this.#kept[this.#last];
    if (kept === undefined || !report.tells("notRun")) return;
    report.tell({ type: "notRun", task: this.#spec.name, decision: tell(kept) });
  }

  /** Returns whether this is news. */
  #keep(kind: DecisionKind, tick: number, detail = ""): boolean {
    const at = this.#host.clock.now();
    const last = this.#kept[this.#last];
    if (last?.kind === kind && last.detail === detail && Object.is(last.tick, tick)) {
      last.at = at;
      last.times += 1;
      return false;
    }
    this.#last = (this.#last + 1) % limit;
    const free = this.#kept[this.#last];
    if (free === undefined) this.#kept.push({ at, kind, tick, detail, times: 1 });
    else Object.assign(free, { at, kind, tick, detail, times: 1 });
    return true;
  }
}

function tell({ at, kind, tick, detail, times }: Kept): Decision {
  const when = Number.isFinite(tick) ? new Date(tick) : undefined;
  const node = kind === "heldElsewhere" || kind === "ranElsewhere" ? { node: detail } : {};
  return {
    at: new Date(at),
    decision: kind,
    reason: reasons[kind](when?.toISOString() ?? "", detail),
    ...(when === undefined ? {} : { tick: when }),
    ...node,
    times,
  };
}

const reasons: Record<DecisionKind, (when: string, detail: string) => string> = {
  ranHere: (when) => `the tick of ${when} was claimed and run here`,
  ranElsewhere: (when, node) => `the tick of ${when} was run by node ${node}`,
  heldElsewhere: (_, node) => `node ${node} holds it`,
  notDue: (when) => (when === "" ? "nothing is due" : `not due before ${when}`),
  missed: (when) => `ticks from ${when} on were missed, and its misfire rule runs none of them`,
  waitsForRetry: (when) => `the last attempt failed: tried again at ${when}`,
  paused: (_, where) => (where === "" ? "it is paused on this node" : "it is paused in the whole cluster"),
  storeUnreachable: () => "the store cannot be reached",
  newerRecord: (_, reason) => reason,
  brokenSchedule: (_, reason) => reason,
  exhausted: () => "its schedule has no further tick",
};
