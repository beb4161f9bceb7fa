import { sleep } from "../clock";
import { firstAbort } from "../cluster/first-abort";
import { createLease } from "../cluster/lease";
import { toError } from "../errors";
import type { Host } from "../supervision/host";
import type { Intake } from "../store";
import { AcceptedCheckpoint } from "./accepted-checkpoint";
import { IntakeProblems, type IntakeProblemsOptions } from "./intake-problems";
import { ProducerDesk, type ProducerDeskOptions } from "./producer-desk";
import { leasePrefix, type Shard } from "./shard";
import type { AssignedTasks } from "./tasks";

const pauseAfterFailure = 1_000;

export interface ProducersOptions
  extends Pick<ProducerDeskOptions, "refuse">, Pick<IntakeProblemsOptions, "onProblem"> {
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
  readonly #problems: IntakeProblems;
  readonly #ended: Promise<void>;

  constructor(options: ProducersOptions) {
    this.#options = options;
    this.#problems = new IntakeProblems(options);
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
        this.#problems.report(toError(error));
        await sleep(host.clock, pauseAfterFailure, signal);
      }
      await lease.release();
    }
    await lease.release();
  }

  /** While the lease is held. @throws OstinatoError as the store's calls do. */
  async #serve(lost: AbortSignal, isHeld: () => boolean): Promise<void> {
    const { intake, tasks, refuse, lease, host, shard } = this.#options;
    const { signal } = this.#stopping;
    await intake.open();
    const over = new AbortController();
    const checkpoint = await AcceptedCheckpoint.load(shard, tasks, host);
    const desk = new ProducerDesk({
      intake,
      tasks,
      accepted: checkpoint.accepted,
      refuse: async (letter, mark, error) => {
        await refuse(letter, mark, error);
        this.#problems.passed(true);
      },
      mayGoOn: () => isHeld() && !over.signal.aborted,
      pause: (milliseconds) => sleep(host.clock, milliseconds),
      onProblem: (error, lost) => this.#problems.report(error, lost),
      onAccepted: () => {
        checkpoint.changed();
        this.#problems.passed();
      },
    });
    const watch = intake.consume(
      (message) => {
        if (!signal.aborted) desk.take(message);
      },
      (request) => desk.recall(request),
    );
    await firstAbort(lost, signal);
    // A schema that never answers keeps nobody waiting: its message stays, for the next process.
    const ended = new AbortController();
    void desk.end().then(() => ended.abort());
    await sleep(host.clock, lease, ended.signal);
    over.abort();
    await checkpoint.end(isHeld);
    await watch.close();
  }
}
