import type { Logger } from "pino";
import { Observable } from "rxjs";
import { toError } from "../errors";
import type { Store } from "../store";
import type { RunServices } from "./assigned-run";
import type { DeadLetter } from "./dead-letters";
import type { Report } from "../supervision/report";
import type { LossEvent, QueueEvent, ServiceEvent } from "./queue-api";

/** What an execution tells its queue. Neither must throw. */
export interface ExecutorServices extends Pick<RunServices, "onGivenUp"> {
  readonly onTrouble: (event: ServiceEvent | LossEvent) => void;
}

/** Tells what happens around a queue; a listener that throws harms nobody but itself. */
export class QueueEvents {
  readonly all: Observable<QueueEvent>;
  readonly #queue: string;
  readonly #logger: Logger;
  readonly #report: Report;
  readonly #listeners = new Set<(event: QueueEvent) => void>();
  readonly #unlisten: (() => void)[];

  constructor(queue: string, stores: readonly Store[], { logger, report }: { logger: Logger; report: Report }) {
    this.#queue = queue;
    this.#logger = logger;
    this.#report = report;
    this.all = new Observable((subscriber) => {
      const listener = (event: QueueEvent): void => subscriber.next(event);
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    });
    this.#unlisten = stores.map((store) =>
      store.onEvent((event) => this.#tell({ ...event, store: store.description })),
    );
  }

  deadLetter(id: string | undefined, reason: DeadLetter["reason"], error: Error | undefined): void {
    const message = error?.message ?? "unknown";
    const about = { queue: this.#queue, task: id, reason, err: error };
    if (reason === "refused") this.#logger.warn(about, `what a producer published was refused: ${message}`);
    else this.#logger.error(about, `an assigned task went to the dead letters: ${message}`);
    this.#tell({ type: "deadLetter", id, reason, error: message });
  }

  /** What concerns the whole queue is told to the runtime's events and log, too. */
  trouble(event: ServiceEvent | LossEvent): void {
    this.#report.tell({ ...event, queue: this.#queue });
    this.#tell(event);
  }

  close(): void {
    for (const end of this.#unlisten) end();
  }

  #tell(event: QueueEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.warn({ err: toError(error) }, "a listener to a queue's events threw");
      }
    }
  }
}
