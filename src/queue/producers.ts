import { sleep } from "../clock";
import { firstAbort } from "../cluster/first-abort";
import { createLease } from "../cluster/lease";
import { toError } from "../errors";
import type { Host } from "../supervision/host";
import type { Intake } from "../store";
import { ProducerDesk, type ProducerDeskOptions } from "./producer-desk";
import { leasePrefix, type Shard } from "./shard";
import type { AssignedTasks } from "./tasks";

const pauseAfterFailure = 1_000;

export interface ProducersOptions extends Pick<ProducerDeskOptions, "refuse"> {
  readonly queue: string;
  readonly lease: number;
  readonly shard: Shard;
  readonly intake: Intake;
  readonly tasks: AssignedTasks;
  readonly host: Host;
}

/**
 * Accepts what producers publish for a queue, in one of the processes that would: a lease says in which. What is published
 * while there is none is kept by the store.
 */
export class Producers {
  readonly #options: ProducersOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #told = "";

  constructor(options: ProducersOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** Resolves when what was begun has ended, and another process may go on. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#ended;
  }

  async #run(): Promise<void> {
    const { queue, lease: length, shard, host } = this.#options;
    const { signal } = this.#stopping;
    const lease = createLease({
      ...shard.leases,
      key: `${leasePrefix(queue)}intake`,
      holder: host.nodeId,
      clock: host.clock,
      lease: length,
    });
    while (!signal.aborted) {
      try {
        await lease.campaign(signal);
        await this.#serve(lease.signal, () => lease.valid());
      } catch (error) {
        if (signal.aborted) break;
        const err = toError(error);
        // A missing permission lasts: it is told once.
        if (err.message !== this.#told) {
          host.logger.warn(
            { err, queue },
            "what producers publish cannot be accepted at the moment: it is tried again",
          );
        }
        this.#told = err.message;
        await sleep(host.clock, pauseAfterFailure, signal);
      }
      await lease.release();
    }
    await lease.release();
  }

  /** While the lease is held. @throws OstinatoError as the store's calls do. */
  async #serve(lost: AbortSignal, isHeld: () => boolean): Promise<void> {
    const { intake, tasks, refuse, lease, host } = this.#options;
    const { signal } = this.#stopping;
    await intake.open();
    this.#told = "";
    const desk = new ProducerDesk({
      intake,
      tasks,
      refuse,
      mayGoOn: isHeld,
      pause: (milliseconds) => sleep(host.clock, milliseconds),
    });
    const watch = intake.consume((message) => {
      if (!signal.aborted) desk.take(message);
    });
    await firstAbort(lost, signal);
    // A schema that never answers keeps nobody waiting: its message stays, for the next one.
    const ended = new AbortController();
    void desk.end().then(() => ended.abort());
    await sleep(host.clock, lease, ended.signal);
    await watch.close();
  }
}
