import type { AnyActorRef } from "xstate";
import type { TimerId } from "../clock";
import { Membership } from "../cluster/membership";
import { Partitions } from "../cluster/partitions";
import { ShutdownError } from "../errors";
import { hostName, randomId, version } from "../identity";
import { parseIntensity } from "../rules/intensity";
import { parseRetry } from "../rules/backoff";
import { SupervisorChild } from "../supervision/supervisor-child";
import { Executor, type ExecutorServices } from "./executor";
import type { QueueHost, QueueSettings } from "./options";
import { leasePrefix, tasksMap, type Shard } from "./shard";
import { SignsOfLife } from "./signs-of-life";
import type { Shards } from "./shards";
import { OwnershipWatch } from "./ownership-watch";
import type { RunsTold } from "./job";
import { Overruns, type Overrun } from "./overruns";
import type { QueueStats } from "./stats";
import { Worker } from "./worker";

/** After the signals of all runs have been aborted, this long until those that go on are given up. */
const graceOfAborted = 5_000;

/** What a worker tells the others at each renewal: JSON. */
export interface WorkerShare {
  readonly owned: number;
  readonly waiting: number;
  readonly due: number;
  readonly running: number;
  readonly rate: number;
  /** The partitions of that store that it owns and has not been able to serve for long. */
  readonly unserved: readonly number[];
}

/** What an execution tells its queue. None of it must throw. */
export interface ExecutionTold extends RunsTold, Pick<ExecutorServices, "onTrouble"> {}

interface Part {
  readonly membership: Membership;
  readonly partitions: Partitions;
  readonly watch: OwnershipWatch;
  readonly unlisten: () => void;
}

/** From one `startExecuting` to the next `stopExecuting`: a process among those that run the queue. */
export class Execution {
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #shards: Shards;
  readonly #executor: Executor;
  readonly #overruns: Overruns;
  readonly #branch: SupervisorChild;
  readonly #id: string;
  readonly #parts = new Map<Shard, Part>();
  readonly #onTrouble: ExecutorServices["onTrouble"];
  readonly #unlisten: () => void;
  #stopped: Promise<void> | undefined;
  #hurried = false;
  #grace: TimerId;

  constructor(settings: QueueSettings, host: QueueHost, shards: Shards, told: ExecutionTold) {
    this.#onTrouble = told.onTrouble;
    this.#settings = settings;
    this.#host = host;
    this.#shards = shards;
    this.#id = `${host.host.nodeId}-${randomId(2)}`;
    const signs = new SignsOfLife(this.#id, settings.name, host.host.clock, settings.lease);
    const overruns = (this.#overruns = new Overruns(host.host, settings, told, () => this.#executor.load.due));
    this.#executor = new Executor(settings, shards.bucket, host, { ...told, signs, overruns });
    this.#branch = this.#makeBranch();
    host.adopt(this.#branch);
    this.#unlisten = shards.onOpen((shard) => this.#join(shard));
  }

  stats(): QueueStats {
    const { counts, owned, load } = this.#executor;
    const { succeeded, failed, aborted, deadLetters, rate, lateness } = counts;
    return {
      owned: owned.length,
      partitions: this.#shards.partitions,
      loading: owned.filter(({ state }) => state === "loading").length,
      unserved: [...this.#parts.values()].reduce((sum, { watch }) => sum + watch.unserved.length, 0),
      ...load,
      concurrency: this.#settings.concurrency,
      lease: this.#settings.lease,
      ...{ succeeded, failed, aborted, deadLetters, rate, lateness },
      overdue: countReasons(this.#overruns.all),
    };
  }

  /** What this worker does right now; undefined for another one. */
  shareOf(worker: string, shard: Shard): WorkerShare | undefined {
    return worker === this.#id ? this.#share(shard) : undefined;
  }

  /** Aborts what runs, and gives up what does not end then. */
  hurry(): void {
    if (this.#hurried) return;
    this.#hurried = true;
    this.#executor.abortAll(new ShutdownError(`the queue "${this.#settings.name}" is being stopped`));
    const { clock, logger } = this.#host.host;
    this.#grace = clock.setTimeout(() => {
      const ids = this.#executor.giveUp();
      for (const child of this.#branch.children) if (child instanceof Worker) child.giveUp();
      if (ids.length === 0) return;
      const tasks = ids.slice(0, 20);
      logger.warn({ queue: this.#settings.name, tasks, count: ids.length }, "runs that do not end were given up");
    }, graceOfAborted);
  }

  /** Resolves when what runs has ended, and what was owned has been given back. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#unlisten();
    this.#executor.halt();
    const parts = [...this.#parts.values()];
    for (const { watch, unlisten } of parts) {
      watch.close();
      unlisten();
    }
    await Promise.all(parts.map(({ partitions }) => partitions.stop()));
    await Promise.all(parts.map(({ membership }) => membership.close()));
    this.#host.host.clock.clearTimeout(this.#grace);
    this.#executor.close();
    this.#overruns.close();
    await this.#host.dismiss(this.#branch);
  }

  #makeBranch(): SupervisorChild {
    const { name, concurrency } = this.#settings;
    const retry = parseRetry("retry");
    const worker = (index: number, parent: AnyActorRef): Worker =>
      new Worker(`queue:${name}/${String(index + 1)}`, name, retry, parent, this.#executor);
    return new SupervisorChild(
      {
        name: `queue:${name}`,
        strategy: "one_for_one",
        intensity: parseIntensity("intensity"),
        autoShutdown: "never",
        restart: "permanent",
        significant: false,
        retry,
        makeChildren: (parent) => Array.from({ length: concurrency }, (_, index) => worker(index, parent)),
      },
      this.#host.host,
      this.#host.root,
      () => undefined,
    );
  }

  #join(shard: Shard): void {
    const { lease } = this.#settings;
    const { clock } = this.#host.host;
    const prefix = leasePrefix(this.#settings.name);
    const shared = { ...shard.leases, clock, lease };
    const about = { host: hostName(), pid: process.pid, version, started: clock.now() };
    const membership = new Membership({
      ...shared,
      prefix: `${prefix}node.`,
      id: this.#id,
      about,
      holds: () => this.#share(shard),
    });
    const partitions = new Partitions({
      ...shared,
      queue: prefix.slice(0, -1),
      partitions: this.#shards.partitionsOf(shard.index),
      membership,
      onOwned: (partition, held) => this.#executor.own(shard, partition, held, this.#branch.actor),
      onLost: (partition) => this.#executor.lose(partition),
      drain: (partition) => this.#executor.drain(partition),
    });
    const watch = new OwnershipWatch({
      ...{ shard, lease, membership, partitions },
      host: this.#host.host,
      prefix: `${prefix}p.`,
      owned: (number) => this.#executor.partition(number),
      tell: this.#onTrouble,
    });
    const unlistenToLeases = shard.leases.view.onLoss((loss) => {
      if (loss.lost > 0) this.#onTrouble({ type: "lost", store: shard.store.description, ...loss, what: "leases" });
    });
    const unlistenToTasks = shard.store.onRenewal?.((map, renewal) => {
      if (map === tasksMap(this.#settings.name)) this.#executor.renewed(shard, renewal);
    });
    const unlisten = (): void => {
      unlistenToLeases();
      unlistenToTasks?.();
    };
    this.#parts.set(shard, { membership, partitions, watch, unlisten });
    partitions.start();
    void membership.join();
  }

  /** The whole of what this process does is told in the first store, so that a sum over members counts it once. */
  #share(shard: Shard): WorkerShare {
    const { rate } = this.#executor.counts;
    const { waiting, due, running } = shard.index === 0 ? this.#executor.load : { waiting: 0, due: 0, running: 0 };
    const owned = this.#executor.owned.filter((partition) => partition.shard === shard).length;
    const unserved = this.#parts.get(shard)?.watch.unserved.filter((number) => this.#executor.partition(number));
    return { owned, waiting, due, running, rate: Math.round(rate), unserved: unserved ?? [] };
  }
}

function countReasons(overruns: readonly Overrun[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of overruns) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
