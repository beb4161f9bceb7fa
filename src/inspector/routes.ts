import type { AnyActorRef } from "xstate";
import { OstinatoError, type Runtime, type TaskStatus, type TreeEntry } from "../index";
import { act, actOnLetter, type ActionResult } from "./actions";
import { chartOf } from "./chart";
import { clusterView } from "./cluster-view";
import type { Observations } from "./observations";
import type { QueueViews } from "./queues";
import { BadRequest, wholeNumber } from "./requests";
import { laneOf } from "./timeline";
import type { Views } from "./views";

const mostLanes = 200;
const longestText = 1_000;

/** Answers one address with what is sent as JSON; undefined where what was asked for is not there. */
type Route = (query: URLSearchParams, path: string) => unknown;

/** What may be read, by address. */
export function readingRoutes(
  runtime: Runtime,
  observations: Observations,
  views: Views,
  queues: QueueViews,
): ReadonlyMap<string, Route> {
  const selected = (query: URLSearchParams): TreeEntry[] =>
    views.select({ query: text(query, "q"), filter: text(query, "filter") });
  const ofQueue: Route = (query, path) => queues.answer(path, query);
  return new Map<string, Route>([
    [
      "/api/status",
      (query) => ({
        node: runtime.nodeId,
        store: runtime.store.description,
        nodes: runtime.nodes(),
        tasks: selected(query).flatMap((entry) => {
          const status = entry.task?.status();
          return status === undefined ? [] : [withoutLists(status)];
        }),
      }),
    ],
    ["/api/summary", () => views.summary()],
    [
      "/api/timeline",
      (query) => {
        const from = wholeNumber(query, "from", 0, Number.MAX_SAFE_INTEGER);
        const count = wholeNumber(query, "count", 60, mostLanes);
        const tasks = selected(query).filter(({ kind }) => kind === "task");
        const lanes = tasks.slice(from, from + count).flatMap((entry) => laneOf(runtime, entry) ?? []);
        return { now: runtime.clock.now(), total: tasks.length, from, lanes };
      },
    ],
    ["/api/cluster", () => clusterView(runtime, observations)],
    [
      "/api/chart",
      (query) => {
        const actor = runtime.actor.system.get(text(query, "actor")) as AnyActorRef | undefined;
        return actor && chartOf(actor);
      },
    ],
    ["/api/log", (query) => views.runLog(text(query, "run")) ?? { lines: [], dropped: 0 }],
    ["/api/queue", ofQueue],
    ["/api/queue/letters", ofQueue],
    ["/api/queue/task", ofQueue],
    ["/api/queue/tasks", ofQueue],
  ]);
}

/** Carries out what the page, or the command line, asks for, and logs it. @throws BadRequest */
export async function carryOut(
  runtime: Runtime,
  queues: QueueViews,
  body: ReadonlyMap<string, unknown>,
): Promise<ActionResult> {
  const [action, task, queue, key] = ["action", "task", "queue", "key"].map((name) => {
    const value = body.get(name);
    if (value === undefined || (typeof value === "string" && value.length <= longestText)) return value;
    throw new BadRequest(400, `${name}: expected a text of at most ${String(longestText)} characters`);
  });
  const result = await attempt(() =>
    queue === undefined
      ? act(runtime, action ?? "", task ?? "")
      : actOnLetter(queues, action ?? "", { queue, key: key ?? "" }),
  );
  runtime.logger.info({ action, task, queue, key, ok: result.ok }, `inspector: ${result.message}`);
  return result;
}

/** What cannot be done now (a task that was stopped, a store that is out of reach) is an answer. */
async function attempt(action: () => Promise<ActionResult>): Promise<ActionResult> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof OstinatoError) return { ok: false, message: error.message };
    throw error;
  }
}

const text = (query: URLSearchParams, name: string): string => (query.get(name) ?? "").slice(0, longestText);

function withoutLists({ decisions, ...rest }: TaskStatus): Record<string, unknown> {
  return { ...rest, decision: decisions[0], history: undefined };
}
