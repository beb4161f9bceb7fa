import { connect, type NatsConnection } from "nats";
import { systemClock, type OstinatoError, type Queue } from "ostinato";
import type { Known } from "./chaos-history";

const now = (): number => systemClock.now();
const answerWithin = 1_000;
const period = 1_000;

/** Assigns, updates and removes at random, by calls and by raw requests, and remembers what was acknowledged. */
export class Client {
  readonly known = new Map<string, Known>();
  readonly #queue: Queue;
  readonly #nats: NatsConnection;
  readonly #subject: string;
  readonly #random: () => number;
  readonly #pause: (milliseconds: number) => Promise<void>;

  private constructor(
    queue: Queue,
    nats: NatsConnection,
    namespace: string,
    random: () => number,
    pause: (milliseconds: number) => Promise<void>,
  ) {
    this.#queue = queue;
    this.#nats = nats;
    this.#subject = `${namespace}.${queue.name}`;
    this.#random = random;
    this.#pause = pause;
  }

  static async open(
    queue: Queue,
    place: { servers: string[]; namespace: string },
    random: () => number,
    pause: (milliseconds: number) => Promise<void>,
  ): Promise<Client> {
    const nats = await connect({ servers: place.servers, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    return new Client(queue, nats, place.namespace, random, pause);
  }

  async close(): Promise<void> {
    await this.#nats.close();
  }

  async assign(id: string, every: boolean): Promise<void> {
    const known = this.#of(id, every);
    const due = this.#dueOf(known);
    const repeats = every ? { every: period } : {};
    await this.#surely(known, () => this.#queue.assign({ id, payload: null, at: due, ...repeats }));
    this.#acknowledged(known, due);
  }

  async remove(id: string): Promise<void> {
    const known = this.known.get(id);
    if (known === undefined) return;
    await this.#surely(known, () => this.#queue.remove(id));
    this.#acknowledged(known, undefined);
  }

  /** As a producer in another language does: the same bytes again until there is an answer. */
  async request(id: string): Promise<void> {
    const known = this.#of(id, false);
    const due = this.#dueOf(known);
    const body = JSON.stringify({ id, payload: null, at: due });
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst) known.isUncertain = true;
      const answer = await this.#nats
        .request(`${this.#subject}.assign`, body, { timeout: answerWithin })
        .then((message) => message.json<{ ok: boolean; code?: string }>())
        .catch(() => undefined);
      if (answer?.ok === false) throw new Error(`${id} was refused: ${answer.code ?? ""}`);
      if (answer !== undefined) break;
      await this.#pause(50);
    }
    this.#acknowledged(known, due);
  }

  /** Nobody acknowledges a bare publish, so nothing is expected of it but that it harms nobody. */
  publish(id: string): void {
    this.#nats.publish(`${this.#subject}.assign`, JSON.stringify({ id, payload: null }));
    this.#nats.publish(`${this.#subject}.assign`, `{"id":${this.#random()}`);
  }

  /** Whatever was acknowledged before is gone: the servers have lost it. */
  forget(): void {
    for (const [id, known] of this.known) if (!known.every) this.known.delete(id);
  }

  #of(id: string, every: boolean): Known {
    const known = this.known.get(id) ?? { due: undefined, since: 0, every, isUncertain: false, phases: new Set() };
    this.known.set(id, known);
    return known;
  }

  /** No two definitions that follow each other have the same time, and no two that repeat have any time in common. */
  #dueOf(known: Known): number {
    let due = Math.max(now() + Math.round(this.#random() * 2_000), (known.due ?? 0) + 1);
    while (known.every && known.phases.has(due % period)) due += 1;
    known.phases.add(due % period);
    return due;
  }

  #acknowledged(known: Known, due: number | undefined): void {
    known.due = due;
    known.since = now();
  }

  async #surely(known: Known, act: () => Promise<unknown>): Promise<void> {
    await patiently(act, this.#pause, () => (known.isUncertain = true));
  }
}

/** Retries a call as a client would, until the store answers. */
export async function patiently<T>(
  act: () => Promise<T>,
  pause: (milliseconds: number) => Promise<void>,
  onFailure: () => void = () => undefined,
): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error as OstinatoError).code.startsWith("ERR_STORE_")) throw error;
      onFailure();
      await pause(50);
    }
  }
}
