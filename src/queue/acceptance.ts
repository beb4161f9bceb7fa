import { OstinatoError } from "../errors";
import type { Host } from "../supervision/host";
import type { DeadLetter } from "./dead-letters";
import type { QueueSettings } from "./options";
import { Producers } from "./producers";
import type { Shard } from "./shard";
import type { Shards } from "./shards";
import type { AssignedTasks } from "./tasks";

export interface AcceptanceOptions {
  readonly settings: QueueSettings;
  readonly host: Host;
  readonly shards: Shards;
  readonly tasks: AssignedTasks;
  /** What a producer published was refused, and is kept as a dead letter. */
  readonly onRefused: (id: string | undefined, reason: DeadLetter["reason"], error: Error) => void;
  /** Messages of producers cannot be accepted or kept; `lost` is the beginning of one that was dropped. */
  readonly onProblem: (error: string, lost?: string) => void;
}

/**
 * Whether this process accepts what is assigned and removed: by its own calls, and, in turn with other processes, by
 * producers that publish it. Those do so where the first partition lives.
 */
export class Acceptance {
  readonly #options: AcceptanceOptions;
  readonly #unlisten: () => void;
  #isOpen = true;
  #shard: Shard | undefined;
  #producers: Producers | undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: AcceptanceOptions) {
    this.#options = options;
    this.#unlisten = options.shards.onOpen((shard) => {
      if (shard.intake === undefined) return;
      this.#shard = shard;
      this.#take();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @throws OstinatoError ERR_NOT_ACCEPTING */
  require(): void {
    if (this.#isOpen) return;
    const { name } = this.#options.settings;
    throw new OstinatoError("ERR_NOT_ACCEPTING", `the queue "${name}" accepts nothing: startAccepting() first`);
  }

  async start(): Promise<void> {
    await this.#ending;
    // Listen before accepting; if this fails, the next attempt reports why.
    await this.#shard?.intake?.open().catch(() => undefined);
    this.#isOpen = true;
    this.#take();
  }

  /** Resolves when another process may go on with what producers publish. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    const producers = this.#producers;
    this.#producers = undefined;
    if (producers !== undefined) this.#ending = producers.stop();
    await this.#ending;
  }

  async close(): Promise<void> {
    this.#unlisten();
    await this.stop();
  }

  #take(): void {
    const { settings, host, tasks, onRefused, onProblem } = this.#options;
    const shard = this.#shard;
    const intake = shard?.intake;
    if (shard === undefined || intake === undefined || !this.#isOpen) return;
    this.#producers ??= new Producers({
      queue: settings.name,
      lease: settings.lease,
      shard,
      intake,
      tasks,
      host,
      onProblem,
      refuse: async (letter, { epoch, sequence }, error) => {
        const about = { at: host.clock.now(), node: host.nodeId };
        // Under the same key whoever refuses it, and however often.
        const key = { since: epoch * 1_000, id: `${epoch.toString(36)}-${sequence.toString(36)}` };
        await shard.deadLetters.add({ ...letter, ...about }, key);
        onRefused(letter.id, letter.reason, error);
      },
    });
  }
}
