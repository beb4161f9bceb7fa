import type { EpochMap } from "../cluster/epoch";
import { Membership } from "../cluster/membership";
import { Partitions } from "../cluster/partitions";
import type { Reached } from "../cluster/reached";
import { hostName, randomId, version } from "../identity";
import type { RevisionMap } from "../store";
import { Executor } from "./executor";
import type { QueueHost, QueueSettings } from "./options";

/** From one `startExecuting` to the next `stopExecuting`: a worker among the others. */
export class Execution {
  readonly #executor: Executor;
  readonly #membership: Membership;
  readonly #partitions: Partitions;

  constructor(settings: QueueSettings, host: QueueHost, leases: Reached, tasks: EpochMap, deadLetters: RevisionMap) {
    const { clock, nodeId } = host;
    const queue = `queue.${settings.name}`;
    const shared = { ...leases, clock, lease: settings.lease };
    const executor = (this.#executor = new Executor(tasks, deadLetters, settings, host));
    const about = { host: hostName(), pid: process.pid, version, started: clock.now() };
    this.#membership = new Membership({ ...shared, prefix: `${queue}.node.`, id: `${nodeId}-${randomId(2)}`, about });
    this.#partitions = new Partitions({
      ...shared,
      queue,
      count: settings.partitions,
      membership: this.#membership,
      onOwned: (partition, lease) => executor.own(partition, lease),
      onLost: (partition) => executor.lose(partition),
      drain: (partition) => executor.drain(partition),
    });
    this.#partitions.start();
    void this.#membership.join();
  }

  hurry(): void {
    this.#executor.hurry();
  }

  async stop(): Promise<void> {
    this.#executor.halt();
    await this.#partitions.stop();
    await this.#membership.close();
    this.#executor.close();
  }
}
