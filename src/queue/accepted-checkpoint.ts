import { OstinatoError, toError } from "../errors";
import type { Host } from "../supervision/host";
import { sleep } from "../clock";
import { AcceptedMessages } from "./accepted-messages";
import type { Shard } from "./shard";
import type { AssignedTasks } from "./tasks";

/** No id: those of tasks begin with the number of their partition. */
const key = "intake.accepted";
const most = 1_000;
const atMostEvery = 1_000;

/** Hands what was accepted to the process that accepts next: the newest of it is stored once a second at most. */
export class AcceptedCheckpoint {
  readonly accepted = new AcceptedMessages();
  readonly #shard: Shard;
  readonly #host: Host;
  #isStored = true;
  #storing: Promise<void> | undefined;
  readonly #ending = new AbortController();

  private constructor(shard: Shard, host: Host) {
    this.#shard = shard;
    this.#host = host;
  }

  /** @throws OstinatoError as the store's calls do. */
  static async load(shard: Shard, tasks: Pick<AssignedTasks, "allRemovals">, host: Host): Promise<AcceptedCheckpoint> {
    const checkpoint = new AcceptedCheckpoint(shard, host);
    const entry = await shard.tasks.map.get(key);
    if (entry !== undefined) checkpoint.accepted.load(entry.value);
    for (const removals of await tasks.allRemovals()) checkpoint.accepted.seeRemovals(removals.shard, removals.count);
    return checkpoint;
  }

  /** Something was accepted. */
  changed(): void {
    this.#isStored = false;
    if (!this.#ending.signal.aborted) this.#storing ??= this.#store().finally(() => (this.#storing = undefined));
  }

  /** Stores what is not stored yet, while the lease is held. */
  async end(isHeld: () => boolean): Promise<void> {
    this.#ending.abort();
    await this.#storing;
    if (!this.#isStored && isHeld()) await this.#write();
  }

  async #store(): Promise<void> {
    while (!this.#isStored && !this.#ending.signal.aborted) {
      await this.#write();
      await sleep(this.#host.clock, atMostEvery, this.#ending.signal);
    }
  }

  /** What cannot be stored is not handed over: a copy may then run again, which is all that happens. */
  async #write(): Promise<void> {
    const { map } = this.#shard.tasks;
    this.#isStored = true;
    // A server may take less than what is worth storing.
    for (let count = most; count > 0; count = Math.floor(count / 4)) {
      try {
        const value = this.accepted.save(count);
        const entry = await map.get(key);
        await (entry === undefined ? map.create(key, value) : map.update(key, value, entry.revision));
        return;
      } catch (error) {
        if (error instanceof OstinatoError && error.code === "ERR_INVALID_PAYLOAD") continue;
        this.#host.logger.debug({ err: toError(error) }, "what was accepted cannot be stored");
        return;
      }
    }
  }
}
