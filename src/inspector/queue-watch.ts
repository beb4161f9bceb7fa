import type { Queue, Runtime, TimerId } from "../index";
import { nodeOf } from "./queue-task";

const everyMs = 5_000;
const kept = 60;

interface Watched {
  /** Runs that had ended, and when that was looked at, in elapsed milliseconds. */
  ended: number;
  at: number;
  /** Since when it has owned nothing although there is something to own, in elapsed milliseconds. */
  idleSince: number | undefined;
  readonly rates: number[];
}

/**
 * Looks at the queues every few seconds, whether or not anybody else does: for how fast they were lately, and whether
 * one has been without partitions for too long. Reads counters only.
 */
export class QueueWatch {
  readonly #runtime: Runtime;
  readonly #watched = new Map<string, Watched>();
  #timer: TimerId;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#schedule();
  }

  /** Runs a second that ended here, the oldest first, one for each five seconds of the last five minutes. */
  rates(queue: string): readonly number[] {
    return this.#watched.get(queue)?.rates ?? [];
  }

  /** Queues that execute here and, for longer than two leases, have owned nothing while nobody else owns it either. */
  unhealthy(): { name: string; reason: string }[] {
    const now = this.#runtime.clock.monotonic();
    return this.#runtime.queues().flatMap((queue) => {
      const since = this.#watched.get(queue.name)?.idleSince;
      const stats = queue.stats();
      if (since === undefined || stats === undefined || now - since <= 2 * stats.lease) return [];
      // Looked at again: the last look may be seconds old.
      const free = ownedByNobody(queue, this.#runtime.nodeId);
      if (stats.owned > 0 || free === 0) return [];
      const reason = `it owns no partition, although nobody owns ${String(free)} of ${String(stats.partitions)}`;
      return [{ name: `queue:${queue.name}`, reason }];
    });
  }

  close(): void {
    this.#runtime.clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer = this.#runtime.clock.setTimeout(() => {
      this.#look();
      this.#schedule();
    }, everyMs);
  }

  #look(): void {
    const queues = this.#runtime.queues();
    for (const name of this.#watched.keys()) {
      if (!queues.some((queue) => queue.name === name)) this.#watched.delete(name);
    }
    for (const queue of queues) this.#lookAt(queue);
  }

  #lookAt(queue: Queue): void {
    const stats = queue.stats();
    if (stats === undefined) {
      this.#watched.delete(queue.name);
      return;
    }
    const at = this.#runtime.clock.monotonic();
    const ended = stats.succeeded + stats.failed + stats.aborted;
    const known = this.#watched.get(queue.name);
    // Counts begin anew with each execution.
    const before = known !== undefined && known.ended <= ended ? known : { ended: 0, at: at - everyMs };
    const rates = known?.rates ?? [];
    rates.push(((ended - before.ended) / Math.max(1, at - before.at)) * 1_000);
    if (rates.length > kept) rates.shift();
    const idle = stats.owned === 0 && ownedByNobody(queue, this.#runtime.nodeId) > 0;
    this.#watched.set(queue.name, { ended, at, rates, idleSince: idle ? (known?.idleSince ?? at) : undefined });
  }
}

/** For a process that owns nothing: a lease that names it is one it has lost, and could not give back. */
function ownedByNobody(queue: Queue, self: string): number {
  return queue.owners().filter((owner) => owner === undefined || nodeOf(owner) === self).length;
}
