import { OstinatoError, type DeadLetter, type Queue, type QueueStats, type Runtime } from "../index";
import type { ParsedInspectorOptions } from "./options";
import { nodeOf, partitionState, shownLetter, shownTask, standingOf } from "./queue-task";
import type { QueueWatch } from "./queue-watch";

/** What the feed tells of each queue: numbers that this process has at hand. */
export interface QueueNumbers {
  readonly name: string;
  readonly accepting: boolean;
  readonly executing: boolean;
  /** Undefined while this process does not execute it. */
  readonly stats: QueueStats | undefined;
  readonly rates: readonly number[];
}

interface Letters {
  readonly at: number;
  readonly read: Promise<{ newest: DeadLetter[]; count: number; more: boolean }>;
}

/** Dead letters are counted up to here, and not more often than this. */
const mostCounted = 1_000;
const countedFor = 4_000;
const mostShown = 50;

/** What the page shows of queues, and is told when it looks something up. */
export class QueueViews {
  readonly #runtime: Runtime;
  readonly #watch: QueueWatch;
  readonly #options: ParsedInspectorOptions;
  readonly #letters = new Map<string, Letters>();

  constructor(runtime: Runtime, watch: QueueWatch, options: ParsedInspectorOptions) {
    this.#runtime = runtime;
    this.#watch = watch;
    this.#options = options;
  }

  numbers(): QueueNumbers[] {
    return this.#runtime.queues().map((queue) => ({
      name: queue.name,
      accepting: queue.accepting,
      executing: queue.executing,
      stats: queue.stats(),
      rates: this.#watch.rates(queue.name),
    }));
  }

  /** Answers an address below `/api/queue`; undefined when there is no such address, or no such queue. */
  async answer(path: string, query: URLSearchParams): Promise<object | undefined> {
    const queue = this.#find(query.get("queue"));
    if (queue === undefined) return undefined;
    try {
      return await this.#answer(path, queue, query);
    } catch (error) {
      // An id that cannot be one, or a store that is out of reach.
      if (error instanceof OstinatoError) return { error: error.message };
      throw error;
    }
  }

  async #answer(path: string, queue: Queue, query: URLSearchParams): Promise<object | undefined> {
    switch (path) {
      case "/api/queue":
        return { now: this.#runtime.clock.now(), ...ownership(this.#runtime, queue) };
      case "/api/queue/letters":
        return this.#deadLetters(queue);
      case "/api/queue/task":
        return this.#task(queue, query.get("id") ?? "");
      case "/api/queue/tasks":
        return this.#tasks(queue, query.get("prefix") ?? "");
      default:
        return undefined;
    }
  }

  /** @throws OstinatoError as the queue does. */
  async retry(name: string, key: string): Promise<boolean> {
    const queue = this.#find(name);
    if (queue === undefined) return false;
    this.#letters.delete(name);
    await queue.retryDeadLetter(key);
    this.#letters.delete(name);
    return true;
  }

  async remove(name: string, key: string): Promise<boolean> {
    const removed = (await this.#find(name)?.removeDeadLetter(key)) ?? false;
    this.#letters.delete(name);
    return removed;
  }

  #find(name: string | null): Queue | undefined {
    return this.#runtime.queues().find((queue) => queue.name === name);
  }

  async #task(queue: Queue, id: string): Promise<object> {
    const task = id === "" ? undefined : await queue.get(id);
    if (task === undefined) return { id, task: null };
    const owner = queue.owners()[task.partition];
    return { id, task: shownTask(task, this.#options), owner, why: standingOf(this.#runtime, queue, task) };
  }

  async #tasks(queue: Queue, prefix: string): Promise<object> {
    const tasks: object[] = [];
    for await (const task of queue.list({ prefix })) {
      if (tasks.length === mostShown) return { prefix, tasks, more: true };
      tasks.push({ ...shownTask(task, this.#options, 200), why: standingOf(this.#runtime, queue, task) });
    }
    return { prefix, tasks, more: false };
  }

  async #deadLetters(queue: Queue): Promise<object> {
    const at = this.#runtime.clock.monotonic();
    let known = this.#letters.get(queue.name);
    if (known === undefined || at - known.at > countedFor) {
      for (const [name, read] of this.#letters) if (at - read.at > countedFor) this.#letters.delete(name);
      known = { at, read: readLetters(queue) };
      this.#letters.set(queue.name, known);
      known.read.catch(() => this.#letters.delete(queue.name));
    }
    const { newest, count, more } = await known.read;
    return { count, more, letters: newest.map((letter) => shownLetter(letter, this.#options)) };
  }
}

/** Each partition as the place of its owner among the nodes, or -1, with what is done about it here. */
export function ownership(runtime: Runtime, queue: Queue): Record<string, unknown> {
  const nodes: { id: string; self: boolean; silent?: boolean }[] = queue
    .workers()
    .map((worker) => ({ ...worker, self: nodeOf(worker.id) === runtime.nodeId }));
  const places = new Map(nodes.map(({ id }, place) => [id, place]));
  const cells = queue.owners().map((owner, partition) => {
    if (owner === undefined) return [-1];
    const place = places.get(owner) ?? nodes.push({ id: owner, self: false, silent: true }) - 1;
    places.set(owner, place);
    const state = nodes[place]?.self === true ? partitionState(runtime, queue.name, partition) : undefined;
    return state === undefined ? [place] : [place, state];
  });
  return { queue: queue.name, nodes, cells };
}

async function readLetters(queue: Queue): Promise<{ newest: DeadLetter[]; count: number; more: boolean }> {
  const letters: DeadLetter[] = [];
  let more = false;
  for await (const letter of queue.deadLetters()) {
    more = letters.length === mostCounted;
    if (more) break;
    letters.push(letter);
  }
  const newest = [...letters].sort((a, b) => b.at - a.at).slice(0, mostShown);
  return { newest, count: letters.length, more };
}
