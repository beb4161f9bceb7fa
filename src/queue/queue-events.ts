import type { Logger } from "pino";
import type { Observable } from "rxjs";
import { GuardedEvents } from "../guarded-events";
import type { Store } from "../store";
import type { DeadLetter } from "./dead-letters";
import type { Overrun } from "./overruns";
import type { Report } from "../supervision/report";
import type { LossEvent, QueueEvent, ServiceEvent } from "./queue-api";

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
    this.all = new GuardedEvents(
      (err) => this.#logger.warn({ err, queue }, "a listener to a queue's events threw"),
      (subscriber) => {
        const listener = (event: QueueEvent): void => subscriber.next(event);
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    );
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

  intakeProblem(error: string, lost?: string): void {
    this.#tell({ type: "intakeProblem", error, ...(lost === undefined ? {} : { lost }) });
  }

  /** What concerns the whole queue is told to the runtime's events and log, too. */
  trouble(event: ServiceEvent | LossEvent): void {
    this.#report.tell({ ...event, queue: this.#queue });
    this.#tell(event);
  }

  overdue({ id, reason, dueAt }: Overrun): void {
    const about = { event: "OVERDUE", queue: this.#queue, task: id, reason, dueAt: new Date(dueAt) };
    this.#logger.error(about, `OVERDUE ${this.#name(id)}, ${reason}`);
    this.#tell({ type: "overdue", id, reason, dueAt: new Date(dueAt) });
  }

  recovered({ id }: Overrun, overdueMs: number): void {
    this.#logger.info({ event: "RECOVERED", queue: this.#queue, task: id, overdueMs }, `RECOVERED ${this.#name(id)}`);
    this.#tell({ type: "recovered", id, overdueMs });
  }

  close(): void {
    for (const end of this.#unlisten) end();
  }

  #name(id: string | undefined): string {
    return `${this.#queue}${id === undefined ? "" : `/${JSON.stringify(id)}`}`;
  }

  #tell(event: QueueEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
