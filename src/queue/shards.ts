import type { Clock } from "../clock";
import type { Alarms } from "../alarms";
import { isOutage, OstinatoError, toError } from "../errors";
import { hashName } from "../identity";
import type { Store } from "../store";
import type { QueueSettings } from "./options";
import { closeShard, openShard, type Shard } from "./shard";

const openAgainAfter = 2_000;

/**
 * The stores of a queue. The partition of an id is a hash of it, and partition p lives in store p modulo their number,
 * for ever: a store that is down keeps its tasks, and nobody else takes them over (`I13`).
 */
export class Shards {
  readonly partitions: number;
  /** The shortest period that `every` may have. */
  readonly bucket: number;
  readonly #shards: (Shard | undefined)[];
  readonly #settings: QueueSettings;
  readonly #listeners = new Set<(shard: Shard) => void>();
  readonly #errors: unknown[];
  #closed = false;

  private constructor(settings: QueueSettings, opened: PromiseSettledResult<Shard>[]) {
    this.#settings = settings;
    this.#shards = opened.map((each) => (each.status === "fulfilled" ? each.value : undefined));
    this.#errors = opened.map((each) => (each.status === "rejected" ? (each.reason as unknown) : undefined));
    const { partitions, bucket } = (this.#shards.find((shard) => shard !== undefined) as Shard).shape;
    this.partitions = partitions;
    this.bucket = bucket;
  }

  /**
   * Resolves when every store has been tried. Those that cannot be reached are tried again, as long as one can.
   *
   * @throws OstinatoError ERR_QUEUE_MISMATCH; as the store's calls do, when none can be used.
   */
  static async open(settings: QueueSettings, clock: Clock, alarms: Alarms): Promise<Shards> {
    const opened = await Promise.allSettled(settings.stores.map((_, index) => openShard(settings, index, clock)));
    const reasons = opened.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    const final =
      reasons.find((reason) => !isOutage(reason)) ?? (reasons.length === opened.length ? reasons[0] : undefined);
    if (final !== undefined) {
      for (const each of opened) if (each.status === "fulfilled") await closeShard(each.value, settings.name);
      throw toError(final);
    }
    const shards = new Shards(settings, opened);
    shards.#shards.forEach((shard, index) => shard === undefined && shards.#openLater(index, clock, alarms));
    return shards;
  }

  /** Those that could be opened so far. */
  get all(): Shard[] {
    return this.#shards.filter((shard) => shard !== undefined);
  }

  /** Calls `listener` for each shard, now or once it could be opened; returns what ends it. */
  onOpen(listener: (shard: Shard) => void): () => void {
    this.#listeners.add(listener);
    for (const shard of this.all) listener(shard);
    return () => this.#listeners.delete(listener);
  }

  /** The partitions that live in the store of this index. */
  partitionsOf(index: number): number[] {
    const all = Array.from({ length: this.partitions }, (_, partition) => partition);
    return all.filter((partition) => partition % this.#shards.length === index);
  }

  /** Where the task of this id is, and under which key. @throws OstinatoError ERR_STORE_UNAVAILABLE */
  place(id: string): { shard: Shard; key: string } {
    const partition = hashName(id) % this.partitions;
    return { shard: this.holding(partition), key: `${String(partition)}.${id}` };
  }

  /** @throws OstinatoError ERR_STORE_UNAVAILABLE when its store could not be opened yet. */
  holding(partition: number): Shard {
    const index = partition % this.#shards.length;
    return this.#shards[index] ?? this.#unreached(index);
  }

  /** @throws OstinatoError ERR_STORE_UNAVAILABLE unless every store could be opened. */
  requireAll(): Shard[] {
    const missing = this.#shards.indexOf(undefined);
    return missing < 0 ? this.all : this.#unreached(missing);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.all.map((shard) => closeShard(shard, this.#settings.name)));
  }

  #unreached(index: number): never {
    const { description } = this.#settings.stores[index] as Store;
    const text = `${description}, where a part of the queue "${this.#settings.name}" is, could not be reached yet`;
    throw new OstinatoError("ERR_STORE_UNAVAILABLE", text, { cause: this.#errors[index] });
  }

  #openLater(index: number, clock: Clock, alarms: Alarms): void {
    alarms.after(openAgainAfter, () => {
      if (this.#closed) return;
      openShard(this.#settings, index, clock).then(
        (shard) => {
          if (this.#closed) return void closeShard(shard, this.#settings.name);
          this.#shards[index] = shard;
          for (const listener of [...this.#listeners]) listener(shard);
          return undefined;
        },
        (error: unknown) => {
          this.#errors[index] = error;
          this.#openLater(index, clock, alarms);
        },
      );
    });
  }
}
