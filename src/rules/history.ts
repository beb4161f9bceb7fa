import type { Outcome } from "../task";

/** A run in the history of its task; times are milliseconds of the wall. */
export interface PastRun {
  runId: string;
  node: string;
  scheduledAt: number;
  startedAt: number;
  endedAt: number;
  attempt: number;
  outcome: Outcome;
  fencingToken: number;
  error?: string;
}

/** As many runs as a record keeps. */
export const historyLimit = 10;

const longestError = 100;
const letters: Record<Outcome, string> = {
  succeeded: "s",
  failed: "f",
  timedOut: "t",
  aborted: "a",
  leaseLost: "l",
  discarded: "d",
};
const outcomes = Object.fromEntries(Object.entries(letters).map(([outcome, letter]) => [letter, outcome as Outcome]));

const escape = (text: string): string => text.replace(/[%,;]/g, encodeURIComponent);
const unescape = (text: string): string => text.replace(/%(25|2C|3B)/g, decodeURIComponent);

/**
 * The history with one more run in it, newest first. It is one string, because it is written with every claim and every
 * end of a run: text costs next to nothing to write, a list of objects would cost as much as the rest of the record. A
 * run on the same node as the one after it leaves the node's name out.
 */
export function addRun(history: string | undefined, run: PastRun): string {
  const node = escape(run.node);
  const { scheduledAt, startedAt, endedAt, attempt, outcome, fencingToken, error } = run;
  const entry =
    `${node},${run.runId},${scheduledAt.toString(36)},${(startedAt - scheduledAt).toString(36)},` +
    `${(endedAt - startedAt).toString(36)},${attempt.toString(36)},${letters[outcome]},${fencingToken.toString(36)}` +
    (error === undefined ? "" : `,${escape(error.slice(0, longestError))}`);
  if (history === undefined || history === "") return entry;
  const older = history.startsWith(`${node},`) ? history.slice(node.length) : history;
  return `${entry};${firstRuns(older, historyLimit - 1)}`;
}

function firstRuns(history: string, count: number): string {
  let end = -1;
  for (let seen = 0; seen < count; seen++) {
    end = history.indexOf(";", end + 1);
    if (end < 0) return history;
  }
  return history.slice(0, end);
}

/** The runs in a history, newest first. What cannot be read is left out. */
export function readHistory(history: string | undefined): PastRun[] {
  if (typeof history !== "string" || history === "") return [];
  let node = "";
  return history.split(";").flatMap((entry) => {
    const [name = "", runId = "", tick, delay, took, attempt, letter = "", token, error] = entry.split(",");
    if (name !== "") node = unescape(name);
    const [scheduledAt = NaN, waited = NaN, lasted = NaN, tries = NaN, fencingToken = NaN] = [
      tick,
      delay,
      took,
      attempt,
      token,
    ].map((text) => parseInt(text ?? "", 36));
    const outcome = outcomes[letter];
    if (outcome === undefined || !Number.isFinite(scheduledAt + waited + lasted + tries + fencingToken)) return [];
    const startedAt = scheduledAt + waited;
    return {
      runId,
      node,
      scheduledAt,
      startedAt,
      endedAt: startedAt + lasted,
      attempt: tries,
      outcome,
      fencingToken,
      ...(error === undefined ? {} : { error: unescape(error) }),
    };
  });
}
