import type { Msg } from "nats";
import { toError, type OstinatoError } from "../errors";
import type { IntakeMessage, Watch } from "../store";
import { NoAnswer, readError } from "./nats-errors";
import { NatsIntakeFeed, type Position } from "./nats-intake-feed";
import { messageIdOf, type NatsIntakeRequests } from "./nats-intake-requests";
import type { NatsIntakeStream } from "./nats-intake-stream";
import type { NatsLink } from "./nats-link";
import { NatsRevival } from "./nats-revival";

/** Messages that are delivered and not done, at most, and how many of them are asked for at a time. */
const mostOpen = 2000;
const batch = 1000;
/** Fewer than this are not worth a request: with so many open the next ones come once some are done. */
const smallest = 500;
/** The same in bytes: more are not asked for while so many are open. No message is larger than the first of these. */
const batchBytes = 64 * 1024 * 1024;
const mostOpenBytes = 32 * 1024 * 1024;

/**
 * What is published for one queue, read through consumers that are made anew whenever one fails: from after the last
 * message that was delivered while the stream is the same, else from its first. While nothing comes, one request for
 * more stands at the server, and only that speaks.
 */
export class NatsIntakeWatch implements Watch {
  private feed: NatsIntakeFeed | undefined;
  private created: string | undefined;
  /** The last message delivered. */
  private position = 0;
  /** What is delivered and not done, in order. */
  private open: { readonly sequence: number; readonly bytes: number }[] = [];
  private openBytes = 0;
  private readonly revival: NatsRevival;
  private closed = false;
  private readonly endings: (() => void)[];

  constructor(
    private readonly link: NatsLink,
    private readonly stream: NatsIntakeStream,
    private readonly requests: NatsIntakeRequests,
    private readonly listener: (message: IntakeMessage) => void,
    /** Hears, before the listener, what is delivered, and of which stream. */
    private readonly delivering: (created: string, sequence: number) => void,
    private readonly closing: () => void,
  ) {
    this.revival = new NatsRevival(link, (round) => this.begin(round));
    this.endings = [
      link.onReturn(() => {
        this.restart();
      }),
      link.onRefusal((subject) => {
        if (!subject.startsWith(`$JS.API.CONSUMER.MSG.NEXT.${stream.name}.`)) return;
        stream.complain(`the server does not permit this user to publish to "${subject}"; grant it`);
      }),
    ];
    if (link.online) requests.hear();
    this.revival.start();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.revival.end();
    this.closing();
    for (const end of this.endings) end();
    await this.feed?.end();
  }

  /** Messages up to this one are no longer open. */
  settle(sequence: number): void {
    const first = this.open.findIndex((message) => message.sequence > sequence);
    const settled = this.open.splice(0, first < 0 ? this.open.length : first);
    for (const { bytes } of settled) this.openBytes -= bytes;
    this.ask();
  }

  private async begin(round: number): Promise<void> {
    const { revival } = this;
    let feed: NatsIntakeFeed | undefined;
    try {
      this.stream.forget();
      const { created, state } = await this.stream.ready();
      if (!revival.isCurrent(round)) return;
      if (created !== this.created || state.last_seq < this.position) this.startOver();
      this.created = created;
      // Before the consumer, so that no message of it comes before its request could be heard.
      this.requests.hear();
      feed = this.feed = this.makeFeed(round, created);
      await feed.start(this.position + 1);
      if (!revival.isCurrent(round)) {
        await feed.end();
        return;
      }
      revival.heard();
      this.ask();
      this.keepVigil();
    } catch (error) {
      void feed?.end();
      if (!revival.isCurrent(round)) return;
      this.tell(error);
      this.restart();
    }
  }

  private startOver(): void {
    this.position = 0;
    this.open = [];
    this.openBytes = 0;
    if (this.created !== undefined) this.requests.forget();
  }

  private makeFeed(round: number, created: string): NatsIntakeFeed {
    const isMine = () => this.revival.isCurrent(round);
    return new NatsIntakeFeed(this.link, this.stream.name, {
      message: (message, at) => {
        if (isMine()) this.deliver(message, at, created);
      },
      free: () => {
        if (isMine()) this.ask();
      },
      alive: () => {
        if (isMine()) this.revival.heard();
      },
      broken: () => {
        if (isMine()) this.restart();
      },
    });
  }

  private deliver(message: Msg, { sequence, ...about }: Position, created: string): void {
    // A replica that lags may begin earlier than it was asked to.
    if (sequence <= this.position) return;
    this.position = sequence;
    this.open.push({ sequence, bytes: message.data.length });
    this.openBytes += message.data.length;
    const kind = message.subject.endsWith("remove") ? "remove" : "assign";
    const body = message.data;
    const messageId = messageIdOf(message);
    let isAnswered = false;
    this.delivering(created, sequence);
    this.listener({
      kind,
      body,
      sequence,
      ...about,
      ...(messageId === undefined ? {} : { messageId }),
      answer: (text) => {
        if (isAnswered || this.closed) return;
        isAnswered = true;
        this.requests.answer({ kind, body, sequence, messageId }, text);
      },
    });
  }

  private ask(): void {
    const room = mostOpen - this.open.length;
    if (!this.feed || this.feed.isAsking || !this.link.online) return;
    if (room < smallest || this.openBytes > mostOpenBytes) return;
    this.revival.heard();
    this.feed.ask(Math.min(room, batch), batchBytes);
  }

  private restart(): void {
    if (this.closed) return;
    void this.feed?.end();
    this.feed = undefined;
    this.revival.again();
  }

  private keepVigil(): void {
    this.revival.keepVigil(
      () => this.feed?.isAsking === true,
      () => {
        this.restart();
      },
    );
  }

  private tell(thrown: unknown): void {
    const error = thrown instanceof NoAnswer ? readError(`consumer of ${this.stream.name}`, thrown) : toError(thrown);
    const { code } = error as Partial<OstinatoError>;
    if (code === "ERR_STORE_PERMISSION" || code === "ERR_STORE_SETTINGS") this.stream.complain(error.message);
  }
}
