import type { TimerId } from "../clock";
import { isOutage } from "../errors";
import { systemRandom } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";
import type { Intake, IntakeMessage, Recall, Watch } from "../store";
import { refuse } from "../validate";
import { NoAnswer, notFound, writeError } from "./nats-errors";
import { requestAge } from "./nats-intake-replies";
import { NatsIntakeRequests } from "./nats-intake-requests";
import { NatsIntakeStream } from "./nats-intake-stream";
import { NatsIntakeWatch } from "./nats-intake-watch";
import type { NatsLink } from "./nats-link";

const retry = parseRetry("retry", { initialDelay: 100, maxDelay: 5000, jitter: 0.5 });

/**
 * What any NATS client publishes for one queue, to `<namespace>.<queue>.assign` and `<namespace>.<queue>.remove`: kept
 * by the stream `<namespace>_<queue>_intake`, whether somebody reads it or not. Who publishes with a reply subject gets
 * the answer there, and no receipt of JetStream. A request that is made while nobody has the intake open, or long before
 * anybody reads it, is worked on later, without an answer.
 */
export class NatsIntake implements Intake {
  private readonly stream: NatsIntakeStream;
  private readonly requests: NatsIntakeRequests;
  private readonly watches = new Set<NatsIntakeWatch>();
  private created: string | undefined;
  /** The last message delivered, and when its stream was made. */
  private delivered: { readonly created: string; readonly sequence: number } | undefined;
  private stopReopening: (() => void) | undefined;
  private unhearing: TimerId;

  constructor(
    private readonly link: NatsLink,
    queue: string,
  ) {
    if (!/^[A-Za-z0-9_-]+$/.test(queue)) refuse("queue name", 'letters, digits, "-" and "_"', queue);
    this.stream = new NatsIntakeStream(link, queue);
    this.requests = new NatsIntakeRequests(link, this.stream);
    // A stream in memory is gone with its server.
    link.onReturn(() => {
      this.stream.forget();
    });
  }

  /** 0 until `open()` has resolved. */
  get epoch(): number {
    return this.created === undefined ? 0 : Math.floor(Date.parse(this.created) / 1000);
  }

  get window(): number {
    return this.stream.window;
  }

  async open(): Promise<void> {
    this.link.assertOpen();
    await this.link.ready();
    if (this.watches.size === 0) this.hearForAWhile();
    // A server that answers has heard of the subscriptions before.
    this.stream.forget();
    await this.prepare();
    this.stopReopening ??= this.link.onReturn(() => void this.reopen(0));
  }

  consume(listener: (message: IntakeMessage) => void, recall?: Recall): Watch {
    this.link.assertOpen();
    this.requests.serve(recall);
    const watch: NatsIntakeWatch = new NatsIntakeWatch(
      this.link,
      this.stream,
      this.requests,
      listener,
      (created, sequence) => {
        this.created = created;
        this.delivered = { created, sequence };
      },
      () => {
        this.watches.delete(watch);
        this.requests.serve(undefined);
        if (this.watches.size === 0) this.hearForAWhile();
      },
    );
    this.watches.add(watch);
    this.link.settings.clock.clearTimeout(this.unhearing);
    return watch;
  }

  async done(sequence: number): Promise<void> {
    this.link.assertOpen();
    for (const watch of this.watches) watch.settle(sequence);
    const created = await this.prepare();
    const { delivered } = this;
    // The message was one of a stream that is gone: in another one the number belongs to somebody else.
    if (delivered && (delivered.created !== created || sequence > delivered.sequence)) return;
    try {
      const { error } = await this.link.api(`STREAM.PURGE.${this.stream.name}`, { seq: sequence + 1 });
      if (error?.err_code === notFound.stream) this.stream.forget();
      else if (error) throw writeError(this.stream.name, error);
    } catch (error) {
      throw error instanceof NoAnswer ? writeError(this.stream.name, error) : error;
    }
  }

  async end(): Promise<void> {
    this.stopReopening?.();
    this.stopReopening = undefined;
    await Promise.all([...this.watches].map((watch) => watch.close()));
    this.link.settings.clock.clearTimeout(this.unhearing);
    this.requests.end();
    this.stream.forget();
  }

  /**
   * A request that comes before anybody consumes is answered then, as is one that waits while this process loses its
   * lease and takes it again. Nobody may consume, and then it is not worth listening.
   */
  private hearForAWhile(): void {
    const { clock } = this.link.settings;
    this.requests.hear();
    clock.clearTimeout(this.unhearing);
    this.unhearing = clock.setTimeout(() => {
      this.requests.end();
    }, requestAge);
  }

  private async prepare(): Promise<string> {
    const { created } = await this.stream.ready();
    return (this.created = created);
  }

  /** Producers are not to publish into the void because nobody reads at the moment. */
  private async reopen(failures: number): Promise<void> {
    if (this.stopReopening === undefined) return;
    try {
      await this.prepare();
    } catch (error) {
      // Another return of the connection begins it again; what is refused stays so until somebody opens it.
      if (!this.link.online || !isOutage(error)) return;
      const { clock } = this.link.settings;
      clock.setTimeout(
        () => {
          void this.reopen(failures + 1);
        },
        backoffDelay(retry, failures + 1, systemRandom()),
      );
    }
  }
}
