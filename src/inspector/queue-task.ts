import { textOf as foreignText } from "../foreign";
import type { AssignedTask, DeadLetter, Queue, Runtime } from "../index";
import type { ParsedInspectorOptions } from "./options";
import { stateOf } from "./trace";

/** Why a task does not run at this moment, or that it does; `until`, in milliseconds of the wall, where that is known. */
export interface Standing {
  readonly is: "running" | "silent" | "retry" | "notDue" | "nobody" | "unowned" | "loading" | "busy" | "next";
  readonly text: string;
  readonly until?: number;
}

const longest = 20_000;

/** The node that a worker of a queue is part of: workers add a part of their own to its name. */
export const nodeOf = (worker: string): string => worker.slice(0, Math.max(0, worker.lastIndexOf("-")));

/** What a partition that is owned here does now; undefined when it is not. */
export function partitionState(runtime: Runtime, queue: string, partition: number): string | undefined {
  const actor = runtime.actor.system.get(`queue:${queue}#${String(partition)}`) as
    { getSnapshot: () => unknown } | undefined;
  return actor && stateOf(actor.getSnapshot());
}

export function standingOf(runtime: Runtime, queue: Queue, task: AssignedTask): Standing {
  const { attempt, node = "", retryAt, partition } = task;
  const now = runtime.clock.now();
  const workers = queue.workers();
  if (task.running) {
    if (workers.some(({ id }) => nodeOf(id) === node)) {
      return { is: "running", text: `${node} runs it, attempt ${String(attempt)}` };
    }
    return { is: "silent", text: `${node} ran it and fell silent: whoever gets its partition runs it again` };
  }
  if (retryAt !== undefined && retryAt.getTime() > now) {
    return { is: "retry", text: `attempt ${String(attempt)} failed, and the next one waits`, until: retryAt.getTime() };
  }
  if (task.due.getTime() > now) return { is: "notDue", text: "it is not due before", until: task.due.getTime() };
  if (workers.length === 0) return { is: "nobody", text: "it is due, but no process executes this queue" };
  const place = `partition ${String(partition)}`;
  const owner = queue.owners()[partition];
  if (owner === undefined) {
    return { is: "unowned", text: `it is due, but nobody owns ${place}: one of the workers takes it within a lease` };
  }
  if (partitionState(runtime, queue.name, partition) === "loading") {
    return { is: "loading", text: `it is due, and begins when all of ${place} has been loaded here` };
  }
  const stats = nodeOf(owner) === runtime.nodeId ? queue.stats() : undefined;
  if (stats !== undefined && stats.running >= stats.concurrency) {
    const [all, due] = [stats.concurrency, stats.due].map((count) => count.toLocaleString("en"));
    return {
      is: "busy",
      text: `it is due, and waits for a worker: all ${all ?? ""} are busy, ${due ?? ""} tasks wait`,
    };
  }
  return { is: "next", text: `it is due, and ${owner} runs it next` };
}

/** A task as the page shows it; times are milliseconds of the wall. */
export function shownTask(task: AssignedTask, { redact }: ParsedInspectorOptions, mostText = longest): object {
  const { due, retryAt, payload, ...rest } = task;
  return {
    ...rest,
    due: due.getTime(),
    ...(retryAt === undefined ? {} : { retryAt: retryAt.getTime() }),
    payload: textOf(redact(payload, { task: task.id, what: "payload" }), mostText),
  };
}

export function shownLetter(letter: DeadLetter, { redact }: ParsedInspectorOptions): object {
  const { message, ...rest } = letter;
  const payload = redact(letter.payload, { task: letter.id ?? "", what: "payload" });
  return {
    ...rest,
    // Its text holds the payload, which only `redact` lets out.
    ...(message === undefined ? {} : { published: message.kind }),
    // Another program may have written the letter.
    error: cut(typeof letter.error === "string" ? letter.error : "", 1_000),
    payload: textOf(payload, 2_000),
  };
}

function textOf(value: unknown, most: number): string {
  return cut(JSON.stringify(value, null, most < 1_000 ? 0 : 2) ?? foreignText(value), most);
}

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most)}… (${text.length.toLocaleString("en")} characters)`;
