import { timing, type History } from "./chaos-history";
import { startQueueWorker, type QueueWorkerProcess, type SharedPlace } from "./queue-worker";

/** The worker processes of a chaos run; each one that dies is replaced. */
export class Troupe {
  readonly #history: History;
  readonly #place: SharedPlace;
  readonly #pause: (milliseconds: number) => Promise<void>;
  readonly #all = new Map<string, QueueWorkerProcess>();
  #count = 0;

  constructor(place: SharedPlace, history: History, pause: (milliseconds: number) => Promise<void>) {
    this.#place = place;
    this.#history = history;
    this.#pause = pause;
  }

  get names(): string[] {
    return [...this.#all.keys()];
  }

  async add(): Promise<void> {
    const name = `worker ${(this.#count += 1)}`;
    const setup = { place: this.#place, queue: "jobs", each: true, workMs: timing.work, probeMs: timing.soon };
    const options = { ...setup, nodeId: name, lease: `${timing.lease}ms`, bucket: `${timing.bucket}ms` };
    const worker = await startQueueWorker(
      options,
      ({ runs }) => this.#history.note(name, runs),
      ({ from, until }) => this.#history.trouble(name, from, until),
    );
    this.#all.set(name, worker);
  }

  async attack(name: string, kind: "kill" | "freeze" | "stop", milliseconds: number): Promise<void> {
    const worker = this.#all.get(name) as QueueWorkerProcess;
    if (kind !== "freeze") this.#all.delete(name);
    await this.#history.during(name, kind, async () => {
      if (kind === "kill") worker.signal("SIGKILL");
      else if (kind === "stop") await worker.stop();
      else {
        worker.signal("SIGSTOP");
        await this.#pause(milliseconds);
        worker.signal("SIGCONT");
      }
    });
    if (kind !== "freeze") await this.add();
  }

  async end(): Promise<void> {
    await Promise.all([...this.#all.values()].map((worker) => worker.stop()));
  }
}
