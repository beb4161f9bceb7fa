import type { Msg } from "nats";
import { randomId } from "../identity";
import { readError, type ApiError } from "./nats-errors";
import type { NatsBucket } from "./nats-bucket";
import type { NatsLink } from "./nats-link";
import { decodeKey, prefixSubject } from "./keys";
import { isMark, keyHeader } from "./nats-records";

/** What the server says when it has nothing to send, in milliseconds between two of them at most. */
export const heartbeat = 2000;
/** The same where there are replicas: only this tells that the one which serves the feed has caught up. */
const replicaHeartbeat = 250;
/** How long a consumer that nobody listens to stays on the server, in milliseconds. */
const abandoned = 30_000;
const nanoseconds = 1_000_000;

export interface FeedMessage {
  readonly key: string;
  /** Undefined for a deletion. */
  readonly value: string | undefined;
  readonly revision: number;
  /** When the server stored it: nanoseconds since 1970, as text. */
  readonly stored: string;
}

export interface FeedListener {
  message(message: FeedMessage): void;
  /** All that the server had when the feed began, or since `from`, has been delivered. */
  current(): void;
  /** The feed lives: a message came, or nothing is left to come until there is something new. */
  alive(): void;
  /** Something was missed, or the server says that it is over; the feed has ended. */
  broken(reason: string): void;
}

interface ConsumerInfo {
  readonly created?: string;
  readonly num_pending?: number;
  readonly delivered?: { readonly consumer_seq: number };
  /** Only where servers form a cluster. */
  readonly cluster?: unknown;
}

/**
 * One ephemeral consumer and what it delivers: numbered without a gap, or the feed is broken. It does not mend itself;
 * that is the watch's affair.
 */
export class NatsFeed {
  private readonly name = `ostinato-${randomId(9)}`;
  private received: { subject: string; end: () => void } | undefined;
  private delivered = 0;
  private isCurrent = false;
  /** Nothing is taken any more. */
  private ended = false;
  private removed = false;
  /** Asks for the consumer, whether it exists or not. */
  private create: (() => Promise<ConsumerInfo & { readonly error?: ApiError }>) | undefined;
  /** When the server made it. */
  private created: string | undefined;
  private hasLeft = false;
  /** With replicas, the feed may be served by one that lags: it is current once it has come as far as the leader was. */
  private readonly replicated: boolean;

  constructor(
    private readonly link: NatsLink,
    private readonly bucket: NatsBucket,
    private readonly prefix: string,
    private readonly listener: FeedListener,
  ) {
    this.replicated = link.settings.replicas > 1;
  }

  /** Begins with every key's last message, or with the first one from this revision. Rejects with NoAnswer and others. */
  async start(from: number | undefined, until: number): Promise<void> {
    this.received = this.link.receive(
      (message) => {
        this.take(message, until);
      },
      (error) => {
        this.breakOff(error.message);
      },
    );
    const filter = `${this.bucket.subjects}${prefixSubject(this.prefix)}`;
    const config = {
      name: this.name,
      deliver_subject: this.received.subject,
      filter_subject: filter,
      ack_policy: "none",
      max_deliver: 1,
      replay_policy: "instant",
      flow_control: true,
      idle_heartbeat: (this.replicated ? replicaHeartbeat : heartbeat) * nanoseconds,
      inactive_threshold: abandoned * nanoseconds,
      mem_storage: true,
      num_replicas: 1,
      ...(from === undefined
        ? { deliver_policy: "last_per_subject" }
        : { deliver_policy: "by_start_sequence", opt_start_seq: from }),
    };
    this.create = () =>
      this.link.api<ConsumerInfo>(`CONSUMER.CREATE.${this.bucket.name}.${this.name}.${filter}`, {
        stream_name: this.bucket.name,
        config,
      });
    const made = await this.create();
    if (made.error) {
      this.received.end();
      throw readError(`watch on ${this.bucket.name}`, made.error);
    }
    this.created = made.created;
    if ((made.num_pending ?? 0) === 0 && !this.replicated) this.arrive();
  }

  /** Ends it here at once and on the server as soon as can be; a consumer that cannot be removed ends by itself. */
  async end(): Promise<void> {
    this.ended = true;
    if (this.removed) return;
    this.removed = true;
    this.received?.end();
    await this.link.api(`CONSUMER.DELETE.${this.bucket.name}.${this.name}`).catch(() => undefined);
  }

  /**
   * The connection is lost. Ends the feed here; the consumer stays on the server for a while, as a witness. It is not
   * listened to again when the connection returns: one that a cluster has made again would begin to deliver.
   */
  leave(): void {
    // What it has delivered proves that there is a consumer, although the answer to its creation may be lost.
    if (this.ended || (this.created === undefined && this.delivered === 0)) return;
    this.ended = this.hasLeft = true;
    this.received?.end();
  }

  /** Whether it ended by `leave()`, so that `isKept()` can tell something. */
  get isWitness(): boolean {
    return this.hasLeft;
  }

  /**
   * Whether the server still has the consumer that this feed left, which then belongs to the stream that it was made on.
   * Its state is in the memory of one server and goes with the stream. One that was made again has delivered less: from
   * a backup that is older than what this feed has received, or nothing, by a cluster that knows only its settings.
   * Asking for a consumer that exists changes nothing; one that this makes goes with `end()`. Rejects with NoAnswer.
   */
  async isKept(): Promise<boolean> {
    const found = await this.create?.();
    if (found === undefined || found.error) return false;
    if (this.created !== undefined && found.created !== this.created) return false;
    if (found.cluster !== undefined && this.delivered === 0) return false;
    return (found.delivered?.consumer_seq ?? 0) >= this.delivered;
  }

  private take(message: Msg, until: number): void {
    if (this.ended) return;
    if (message.data.length === 0 && message.headers?.code) {
      this.takeStatus(message, until);
      // A server that lags behind the others has nothing to send, and says so, without being done.
      if (this.isCurrent) this.listener.alive();
      return;
    }
    this.listener.alive();
    const { stream, consumer, stored, pending } = position(message.reply ?? "");
    if (consumer !== this.delivered + 1) {
      this.breakOff(`message ${String(consumer)} came after message ${String(this.delivered)}`);
      return;
    }
    this.delivered = consumer;
    const key = this.keyOf(message);
    if (key?.startsWith(this.prefix)) {
      const value = isMark(message) ? undefined : Buffer.from(message.data).toString("utf8");
      this.listener.message({ key, value, revision: stream, stored });
    }
    if (stream >= until || (pending === 0 && !this.replicated)) this.arrive();
  }

  private takeStatus(message: Msg, until: number): void {
    const { headers } = message;
    if (headers?.code !== 100) {
      this.breakOff(`the server ended it: ${headers?.description ?? "unknown"}`);
      return;
    }
    if (message.reply) {
      message.respond();
      return;
    }
    const stalled = headers.get("Nats-Consumer-Stalled");
    if (stalled) this.link.publish(stalled);
    const last = headers.get("Nats-Last-Consumer");
    if (last !== "" && Number(last) !== this.delivered) {
      this.breakOff(`the server has sent ${last} messages, ${String(this.delivered)} have come`);
    } else if (!this.replicated || Number(headers.get("Nats-Last-Stream")) >= until) {
      // It speaks of idleness only once it has sent all that it had.
      this.arrive();
    }
  }

  private arrive(): void {
    if (this.isCurrent || this.ended) return;
    this.isCurrent = true;
    this.listener.current();
  }

  private breakOff(reason: string): void {
    if (this.ended) return;
    void this.end();
    this.listener.broken(reason);
  }

  private keyOf(message: Msg): string | undefined {
    return decodeKey(message.subject.slice(this.bucket.subjects.length)) ?? keyHeader(message);
  }
}

/** $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>, two parts more with a domain. */
export function position(reply: string): { stream: number; consumer: number; stored: string; pending: number } {
  const parts = reply.split(".");
  const offset = parts.length > 9 ? 2 : 0;
  return {
    stream: Number(parts[5 + offset]),
    consumer: Number(parts[6 + offset]),
    stored: parts[7 + offset] ?? "0",
    pending: Number(parts[8 + offset]),
  };
}
