import { refuse, quoted } from "../validate";

/** When a child is started again after it ended: always, after a failure only, never. */
export type RestartKind = "permanent" | "transient" | "temporary";

/** Whom the restart of one child touches: it alone, all children, or it and those started after it. */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

/** Whether significant children that end by themselves end their supervisor: never, the first one, or the last one. */
export type AutoShutdown = "never" | "any" | "all";

/** A child as the rule sees it. */
export interface ChildState {
  readonly name: string;
  readonly restart: RestartKind;
  readonly significant?: boolean;
  readonly state: "running" | "restarting" | "stopped";
}

export interface ExitQuestion {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
  /** In start order, the exited child among them. */
  readonly children: readonly ChildState[];
  readonly exited: string;
  /** `finished`: its schedule has no further run, so that there is nothing to restart it for. */
  readonly how: "success" | "failure" | "finished";
}

/** What is to be done about a child that ended by itself. */
export interface ExitDecision {
  readonly restart: boolean;
  /** Running siblings to stop first, in the reverse of start order. */
  readonly stop: string[];
  /** Children to start then, in start order. */
  readonly start: string[];
  /** Children that are not to come back. */
  readonly remove: string[];
  /** The supervisor is to stop: enough significant children have ended. */
  readonly shutdown: boolean;
}

/** OTP's rules: a child that is not to be restarted leaves its siblings alone; one that is takes them along by the strategy. */
export function decide(question: ExitQuestion): ExitDecision {
  const { strategy, autoShutdown, children, exited, how } = question;
  const index = children.findIndex((child) => child.name === exited);
  const child = children[index];
  if (child === undefined) return { restart: false, stop: [], start: [], remove: [], shutdown: false };
  const restarts = how === "finished" ? false : child.restart === "permanent" || how === "failure";
  if (child.restart === "temporary" || !restarts) {
    const remove = child.restart === "temporary" ? [exited] : [];
    return { restart: false, stop: [], start: [], remove, shutdown: endsAll(child, autoShutdown, children) };
  }
  const others = strategy === "one_for_one" ? [] : children.slice(strategy === "one_for_all" ? 0 : index + 1);
  const taken = others.filter((each) => each.name !== exited);
  const start = children.filter((each) => each === child || (taken.includes(each) && each.restart !== "temporary"));
  return {
    restart: true,
    stop: taken
      .filter((each) => each.state === "running")
      .map((each) => each.name)
      .reverse(),
    start: start.map((each) => each.name),
    remove: taken.filter((each) => each.restart === "temporary").map((each) => each.name),
    shutdown: false,
  };
}

function endsAll(child: ChildState, autoShutdown: AutoShutdown, children: readonly ChildState[]): boolean {
  if (child.significant !== true || autoShutdown === "never") return false;
  if (autoShutdown === "any") return true;
  return !children.some((each) => each.significant === true && each !== child && each.state !== "stopped");
}

/**
 * A significant child must be able to end by itself, and its supervisor must care.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function validateChild(
  child: { name: string; restart: RestartKind; significant?: boolean },
  autoShutdown: AutoShutdown,
): void {
  if (child.significant !== true) return;
  if (child.restart === "permanent") {
    refuse(
      `significant of ${quoted(child.name)}`,
      'false for a permanent child, or restart: "transient" or "temporary"',
      true,
    );
  }
  if (autoShutdown === "never") {
    refuse(`significant of ${quoted(child.name)}`, 'false, or autoShutdown: "any" or "all" on its supervisor', true);
  }
}
