import { formatDuration } from "../duration";
import { OstinatoError, toError } from "../errors";
import { cut, longestStack } from "../foreign";
import type { Intensity } from "../rules/intensity";
import type { Strategy } from "../rules/restart";
import { quoted } from "../validate";

/** The end of one child, as a report remembers it. */
export interface RememberedExit {
  readonly child: string;
  /** Elapsed milliseconds. */
  readonly at: number;
}

/** All that is known when a supervisor gives up. */
export interface Escalation {
  readonly supervisor: string;
  readonly strategy: Strategy;
  readonly intensity: Intensity;
  /** The child whose end was one too many. */
  readonly child: string;
  readonly error: unknown;
  /** The ends within the window, oldest first, this one among them. */
  readonly exits: readonly RememberedExit[];
  /** All children, in start order: they are stopped now. */
  readonly children: readonly string[];
}

const namesShown = 20;

/** A supervisor gave up: more restarts than its intensity allows. Its `report` says all that is known, over several lines. */
export class EscalationError extends OstinatoError {
  readonly report: string;

  constructor(escalation: Escalation) {
    const { supervisor, strategy, intensity, child, error, children } = escalation;
    const allowed = `${String(intensity.restarts)} ${intensity.restarts === 1 ? "restart" : "restarts"} within ${formatDuration(intensity.within)}`;
    super(
      "ERR_RESTART_INTENSITY",
      `supervisor ${quoted(supervisor)} gives up: ${quoted(child)} ended once more after ${allowed} (${strategy}); ` +
        `stopped: ${list(children)}`,
      error === undefined ? {} : { cause: error },
    );
    this.name = "EscalationError";
    this.report = cut(describe(escalation, allowed), longestStack);
  }
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).map(quoted);
  if (names.length > namesShown) shown.push(`${String(names.length - namesShown)} more`);
  return shown.join(", ");
}

function describe({ supervisor, strategy, child, error, exits, children }: Escalation, allowed: string): string {
  const last = exits.at(-1)?.at ?? 0;
  const ends = exits.map(
    ({ child: name, at }) => `${quoted(name)} ${at === last ? "now" : `${seconds(last - at)} before`}`,
  );
  return [
    `supervisor ${quoted(supervisor)} (${strategy}) gave up; it allows ${allowed}`,
    `  ended    ${ends.slice(-namesShown).join(", ")}`,
    `  stopped  ${list(children)}`,
    `  because  ${indent(causes(child, error))}`,
  ].join("\n");
}

/** The chain of causes, each with what is known of it. */
function causes(child: string, error: unknown): string {
  if (error === undefined) return `${quoted(child)} ended, and it is to run for ever`;
  const cause = toError(error);
  if (cause instanceof EscalationError) return cut(cause.report, longestStack);
  const text = cause.stack ?? `${cause.name}: ${cause.message}`;
  return cause.cause === undefined ? text : `${text}\ncaused by ${causes(child, cause.cause)}`;
}

function indent(text: string): string {
  return text.replaceAll("\n", "\n           ");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
