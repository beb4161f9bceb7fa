import type { AnyActorRef } from "xstate";
import { OstinatoError } from "../errors";
import { read } from "../foreign";
import { parseRetry, type RetryOptions } from "../rules/backoff";
import { parseIntensity, type IntensityOptions } from "../rules/intensity";
import { validateChild, type AutoShutdown, type RestartKind, type Strategy } from "../rules/restart";
import {
  isArray,
  quoted,
  readOpenOptions,
  readOptions,
  refuse,
  requireBoolean,
  requireName,
  requireOneOf,
} from "../validate";
import type { Child, OnExit } from "./child";
import type { Host } from "./host";
import { parseSpec, type ParsedSpec, type SpawnSpec, type SpecDefaults } from "./spec";
import { SupervisorChild, type SupervisorPlan } from "./supervisor-child";
import { TaskChild } from "./task-child";

/** A branch of the tree: children that start in order, are restarted by a rule, and stop in reverse order. */
export interface SuperviseSpec {
  /** Unique in the runtime. */
  name: string;
  /** Whom the failure of one child touches: it alone, all, or it and those after it. Default `"one_for_one"`. */
  strategy?: Strategy;
  /** How many restarts within which time are too many; then the supervisor fails to its parent. Default 3 within 5s. */
  intensity?: IntensityOptions;
  /** Ends the supervisor when any, or all, of its significant children have ended by themselves. Default `"never"`. */
  autoShutdown?: AutoShutdown;
  /** Whether its parent starts it again after it ended. Default `"permanent"`. */
  restart?: RestartKind;
  significant?: boolean;
  /** Waits between its own restarts. */
  retry?: RetryOptions;
  /** Tasks, and further supervisors, in start order. */
  children: readonly (SpawnSpec | SuperviseSpec)[];
}

type ParsedChild = { kind: "task"; spec: ParsedSpec } | { kind: "supervisor"; plan: ParsedSupervisor };

interface ParsedSupervisor extends Omit<SupervisorPlan, "makeChildren"> {
  children: ParsedChild[];
}

const optionNames = ["name", "strategy", "intensity", "autoShutdown", "restart", "significant", "retry", "children"];

/** Every name below and including a branch. */
function* namesOf(plan: ParsedSupervisor): Generator<string> {
  yield plan.name;
  for (const child of plan.children) {
    if (child.kind === "task") yield child.spec.name;
    else yield* namesOf(child.plan);
  }
}

/**
 * Checks a whole branch before anything of it exists.
 *
 * @throws OstinatoError ERR_INVALID_OPTION, ERR_INVALID_DURATION, ERR_DUPLICATE_NAME
 */
export function parseBranch(spec: SuperviseSpec, defaults: SpecDefaults): { plan: ParsedSupervisor; names: string[] } {
  const plan = parseSupervisor(spec, defaults);
  const names = [...namesOf(plan)];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new OstinatoError(
      "ERR_DUPLICATE_NAME",
      `supervisor ${quoted(plan.name)}: two children are called ${quoted(twice)}`,
    );
  }
  return { plan, names };
}

function parseSupervisor(given: SuperviseSpec, defaults: SpecDefaults): ParsedSupervisor {
  const name = requireName("name", readOpenOptions("supervise", given, "an object with name and children").name);
  const spec = readOptions(`supervisor ${quoted(name)}`, given, optionNames);
  if (!isArray(spec.children)) refuse(`supervisor ${quoted(name)}: children`, "an array of specs", spec.children);
  const autoShutdown = requireOneOf("autoShutdown", ["never", "any", "all"], spec.autoShutdown ?? "never");
  const children = spec.children.map((child): ParsedChild => {
    if (read(child, "children") !== undefined) {
      return { kind: "supervisor", plan: parseSupervisor(child as SuperviseSpec, defaults) };
    }
    return { kind: "task", spec: parseSpec(child as SpawnSpec, defaults) };
  });
  for (const child of children) {
    const { name: childName, restart, significant } = child.kind === "task" ? child.spec : child.plan;
    validateChild({ name: childName, restart, significant }, autoShutdown);
  }
  return {
    name,
    strategy: requireOneOf("strategy", ["one_for_one", "one_for_all", "rest_for_one"], spec.strategy ?? "one_for_one"),
    intensity: parseIntensity("intensity", spec.intensity),
    autoShutdown,
    restart: requireOneOf("restart", ["permanent", "transient", "temporary"], spec.restart ?? "permanent"),
    significant: requireBoolean("significant", spec.significant ?? false),
    retry: parseRetry("retry", spec.retry),
    children,
  };
}

/** Makes the actors of a branch under `parent`. */
export function makeBranch(plan: ParsedSupervisor, host: Host, parent: AnyActorRef, onExit: OnExit): SupervisorChild {
  const makeChildren = (self: AnyActorRef, childExited: OnExit): Child[] =>
    plan.children.map((child) =>
      child.kind === "task"
        ? new TaskChild(child.spec, host, self, childExited)
        : makeBranch(child.plan, host, self, childExited),
    );
  return new SupervisorChild({ ...plan, makeChildren }, host, parent, onExit);
}
