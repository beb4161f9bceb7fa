import type { QueueRecord } from "../rules/queue-record";
import type { Host } from "../supervision/host";

/** The same is not reported more often. */
const quietTime = 3_600_000;

/** Reports tasks whose time came from a clock that is ahead of this process's: one warning for all of an hour. */
export class Retimings {
  readonly #queue: string;
  readonly #host: Host;
  #toldAt = -Infinity;

  constructor(queue: string, host: Host) {
    this.#queue = queue;
    this.#host = host;
  }

  readonly note = ({ id, timed = 0 }: QueueRecord): void => {
    const { clock, report } = this.#host;
    if (clock.monotonic() - this.#toldAt < quietTime) return;
    this.#toldAt = clock.monotonic();
    const [then, now] = [timed, clock.now()].map((at) => new Date(at).toISOString());
    const message =
      `tasks of the queue "${this.#queue}" were timed by a clock that is ahead of this process's and are timed again, ` +
      `${JSON.stringify(id)} first: ${String(then)} there, ${String(now)} here; one of the two clocks is, or was, wrong`;
    report.tell({ type: "warning", task: this.#queue, message });
  };
}
