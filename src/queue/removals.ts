import type { Shard } from "./shard";

/** No id: those of tasks begin with the number of their partition. */
const key = "intake.removals";

/**
 * Tells the process that accepts messages of producers, wherever it is, that some task of theirs was removed by a call:
 * an equal message then makes the task again. One key for all tasks of a store, so that it costs no memory.
 */
export class Removals {
  readonly #sent = new Map<Shard, Promise<void>>();
  /** Waits for the one before, and serves everybody who asks meanwhile. */
  readonly #next = new Map<Shard, Promise<void>>();

  /** @throws OstinatoError as the store's calls do. */
  announce(shard: Shard): Promise<void> {
    const waiting = this.#next.get(shard);
    if (waiting !== undefined) return waiting;
    const before = this.#sent.get(shard) ?? Promise.resolve();
    const next = before
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(shard);
        const sent = write(shard);
        this.#sent.set(shard, sent);
        return sent;
      });
    this.#next.set(shard, next);
    return next;
  }

  /** A number that each announcement changes. @throws OstinatoError as the store's calls do. */
  async count({ tasks }: Shard): Promise<number> {
    return (await tasks.map.get(key))?.revision ?? 0;
  }
}

async function write({ tasks: { map } }: Shard): Promise<void> {
  for (;;) {
    const entry = await map.get(key);
    const written = await (entry === undefined ? map.create(key, "1") : map.update(key, "1", entry.revision));
    if (written.ok) return;
  }
}
