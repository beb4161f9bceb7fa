import type { Msg } from "nats";
import { randomId } from "../identity";
import { readError } from "./nats-errors";
import { heartbeat, position } from "./nats-feed";
import type { NatsLink } from "./nats-link";

/** How long one request for messages stands at the server; while nothing comes there is one of them an hour. */
const standing = 3_600_000;
/** How long a consumer that nobody asks stays on the server, in milliseconds. */
const abandoned = 60_000;
const nanoseconds = 1_000_000;
const heartbeatStatus = 100;
const timeoutStatus = 408;
const conflictStatus = 409;
/** What newer servers add to the last message of a request, which was counted. */
const batchCompleted = "Batch Completed";

/** Where in the stream a message is. */
export interface Position {
  readonly sequence: number;
  /** The last sequence that the stream held when the message was delivered. */
  readonly newest: number;
  /** Milliseconds since 1970. */
  readonly published: number;
}

export interface IntakeFeedListener {
  message(message: Msg, at: Position): void;
  /** What was asked for has come, or nothing more did: it can be asked again. */
  free(): void;
  /** Something was said: the feed lives. */
  alive(): void;
  /** Something was missed, or the server says that it is over; the feed has ended. */
  broken(reason: string): void;
}

/** One ephemeral consumer that hands out messages when it is asked, numbered without a gap, or the feed is broken. */
export class NatsIntakeFeed {
  private readonly name = `ostinato-${randomId(9)}`;
  private received: ReturnType<NatsLink["receive"]> | undefined;
  private delivered = 0;
  private owed = 0;
  private ended = false;

  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
    private readonly listener: IntakeFeedListener,
  ) {}

  /** Whether the server has been asked, so that it is to speak: a message or a heartbeat. */
  get isAsking(): boolean {
    return this.owed > 0;
  }

  /** Makes the consumer, which begins with the first message from this sequence on. Rejects with NoAnswer and others. */
  async start(from: number): Promise<void> {
    this.received = this.link.receive(
      (message) => {
        this.take(message);
      },
      (error) => {
        this.breakOff(error.message);
      },
    );
    const config = {
      name: this.name,
      ack_policy: "none",
      replay_policy: "instant",
      max_waiting: 8,
      inactive_threshold: abandoned * nanoseconds,
      mem_storage: true,
      num_replicas: 1,
      ...(from > 1 ? { deliver_policy: "by_start_sequence", opt_start_seq: from } : { deliver_policy: "all" }),
    };
    const made = await this.link.api(`CONSUMER.CREATE.${this.stream}.${this.name}`, {
      stream_name: this.stream,
      config,
    });
    if (made.error) throw readError(`consumer of ${this.stream}`, made.error);
  }

  /** Asks for so many messages, and so many bytes, as they come; once at a time. */
  ask(count: number, bytes: number): void {
    if (this.ended || this.owed > 0 || !this.received) return;
    this.owed = count;
    this.link.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${this.name}`,
      JSON.stringify({
        batch: count,
        max_bytes: bytes,
        expires: standing * nanoseconds,
        idle_heartbeat: heartbeat * nanoseconds,
      }),
      this.received.subject,
    );
  }

  /** Ends it here at once and on the server as soon as can be; a consumer that cannot be removed ends by itself. */
  async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.received?.end();
    await this.link.api(`CONSUMER.DELETE.${this.stream}.${this.name}`).catch(() => undefined);
  }

  private take(message: Msg): void {
    if (this.ended) return;
    this.listener.alive();
    // Messages come under their own subjects; only what the server has to say is addressed to us.
    if (message.subject === this.received?.subject) {
      this.takeStatus(message);
      return;
    }
    const { stream, consumer, stored, pending } = position(message.reply ?? "");
    if (consumer !== this.delivered + 1) {
      this.breakOff(`message ${String(consumer)} came after message ${String(this.delivered)}`);
      return;
    }
    this.delivered = consumer;
    this.owed -= 1;
    const published = Math.floor(Number(stored) / nanoseconds);
    this.listener.message(message, { sequence: stream, newest: stream + pending, published });
    if (this.owed <= 0) this.listener.free();
  }

  private takeStatus({ headers }: Msg): void {
    if (headers?.code === heartbeatStatus) {
      const last = headers.get("Nats-Last-Consumer");
      if (last !== "" && Number(last) !== this.delivered) {
        this.breakOff(`the server has sent ${last} messages, ${String(this.delivered)} have come`);
      }
    } else if (headers?.code === timeoutStatus || (headers?.code === conflictStatus && isFull(headers.description))) {
      this.owed = 0;
      this.listener.free();
    } else if (headers?.description !== batchCompleted) {
      this.breakOff(`the server ended it: ${headers?.description ?? "unknown"}`);
    }
  }

  private breakOff(reason: string): void {
    if (this.ended) return;
    void this.end();
    this.listener.broken(reason);
  }
}

/** The next message would have been one byte too many; it comes with the next request. */
const isFull = (description: string): boolean => /maxbytes/i.test(description);
