import { OstinatoError } from "../errors";
import { parseQueue, type QueueHost, type QueueOptions } from "./options";
import { openQueue, type AssignedQueue } from "./queue";
import type { Queue } from "./queue-api";

/** The queues of one runtime: they execute from its start on, and are ended by its stop. */
export class Queues {
  readonly #host: QueueHost;
  readonly #open = new Map<string, Promise<AssignedQueue>>();
  readonly #ready = new Map<string, AssignedQueue>();
  #running = false;

  constructor(host: QueueHost) {
    this.#host = host;
  }

  async open<P>(options: QueueOptions<P>): Promise<Queue<P>> {
    const settings = parseQueue(options, this.#host.store);
    if (this.#open.has(settings.name)) {
      throw new OstinatoError("ERR_DUPLICATE_NAME", `the queue "${settings.name}" is open in this runtime already`);
    }
    const opening = openQueue(settings, this.#host, () => {
      this.#open.delete(settings.name);
      this.#ready.delete(settings.name);
    });
    this.#open.set(settings.name, opening);
    opening.catch(() => this.#open.delete(settings.name));
    const queue = await opening;
    this.#ready.set(settings.name, queue);
    if (this.#running && settings.run !== undefined) await queue.startExecuting();
    return queue as unknown as Queue<P>;
  }

  /** Those that are open, by name. */
  get list(): Queue[] {
    return [...this.#ready.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  start(): void {
    this.#running = true;
    this.#each((queue) => queue.executable && void queue.startExecuting());
  }

  hurry(): void {
    this.#each((queue) => queue.hurry());
  }

  async stop(): Promise<void> {
    this.#running = false;
    const all = await Promise.allSettled(this.#open.values());
    await Promise.all(all.map(async (one) => one.status === "fulfilled" && one.value[Symbol.asyncDispose]()));
  }

  #each(act: (queue: AssignedQueue) => unknown): void {
    for (const opening of this.#open.values()) void opening.then(act, () => undefined);
  }
}
