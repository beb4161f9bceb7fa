import { sleep } from "../clock";
import { OstinatoError } from "../errors";
import type { Renewal, Watch, WatchListener } from "../store";
import type { NatsBucket } from "./nats-bucket";
import { NatsFeed, type FeedMessage } from "./nats-feed";
import type { NatsLink } from "./nats-link";
import type { NatsMarks } from "./nats-marks";
import { marksKept, storedAt, type StoredMessage } from "./nats-records";
import { NatsRevival } from "./nats-revival";
import type { StreamInfo } from "./nats-stream";

/** A deletion is remembered longer than a watch may have been away and still go on where it was. */
const longestAway = (marksKept * 1000) / 2;
/** In milliseconds: a server that has a consumer answers at once. */
const longestQuestion = 1_000;

/**
 * A watch that outlives consumers, connections and servers. It goes on from the last revision that it saw, as long as
 * the stream is certain to be the same one and knows every deletion since. Otherwise it says so (`doubt`) and delivers
 * everything again.
 *
 * A stream that was restored from a backup has the same date as the former one, and may have grown past the position
 * since. Either of two things proves that it is the same: it still has the message at the position, with the same time;
 * or the server still has the consumer of the connection that was lost, which goes with its stream. The second holds
 * where that message has been overwritten, for as long as the server keeps the consumer.
 */
export class NatsWatch implements Watch {
  private feed: NatsFeed | undefined;
  /** The feed of the connection that was lost, until another has begun. */
  private witness: NatsFeed | undefined;
  private position = 0;
  /** When the message at this position was stored. */
  private positionStored = "";
  private created: string | undefined;
  private hasDelivered = false;
  private isLoaded = false;
  private readonly revival: NatsRevival;
  private closed = false;
  private closing: (() => void) | undefined;
  private readonly endings: (() => unknown)[];

  constructor(
    private readonly link: NatsLink,
    private readonly bucket: NatsBucket,
    private readonly marks: NatsMarks,
    private readonly prefix: string,
    private readonly listener: WatchListener,
    /** Hears of each start that failed. */
    private readonly failed: (error: unknown) => void,
  ) {
    this.revival = new NatsRevival(link, (round) => this.begin(round));
    this.endings = [
      link.onReturn(() => {
        this.restart();
      }),
      link.onEvent(({ type }) => {
        if (type === "disconnect") this.feed?.leave();
      }),
    ];
    this.revival.start();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.revival.end();
    for (const end of this.endings) end();
    this.closing?.();
    await Promise.all([this.feed?.end(), this.witness?.end()]);
  }

  refresh(): void {
    this.isLoaded = false;
    this.restart();
  }

  /** Calls back when it is closed. */
  onClose(closing: () => void): void {
    this.closing = closing;
  }

  private async begin(round: number): Promise<void> {
    const { revival } = this;
    let feed: NatsFeed | undefined;
    try {
      await this.bucket.ready();
      const info = await this.bucket.info();
      if (!info) {
        this.bucket.forget();
        throw new OstinatoError("ERR_STORE_UNAVAILABLE", `${this.bucket.name} was removed`);
      }
      if (!revival.isCurrent(round)) return;
      const mayGoOn = this.isLoaded && revival.silentFor < longestAway;
      const former = await this.compare(info, mayGoOn);
      if (!revival.isCurrent(round)) return;
      const goesOn = mayGoOn && this.isLoaded && former === "same";
      if (!goesOn) this.startOver(typeof former === "object" ? former : undefined);
      this.created = info.created;
      revival.heard();
      feed = this.makeFeed(round, goesOn ? 0 : info.state.last_seq, Date.parse(info.state.last_ts));
      this.feed = feed;
      await feed.start(goesOn ? this.position + 1 : undefined, info.state.last_seq);
      if (!revival.isCurrent(round)) {
        await feed.end();
        return;
      }
      void this.witness?.end();
      this.witness = undefined;
      this.keepVigil();
    } catch (error) {
      if (feed?.isWitness !== true) void feed?.end();
      if (!revival.isCurrent(round)) return;
      this.failed(error);
      this.restart();
    }
  }

  /** Whether the stream is the one that was watched so far. */
  private async compare({ created, state }: StreamInfo, mayGoOn: boolean): Promise<"same" | "uncertain" | Renewal> {
    const bucket = this.bucket.name;
    if (this.created === undefined) return "uncertain";
    if (created !== this.created) return { bucket, how: "recreated" };
    if (state.last_seq < this.position) return { bucket, how: "rolledBack" };
    if (this.position === 0) return "same";
    const { message } = await this.link.api<{ message?: StoredMessage }>(`STREAM.MSG.GET.${bucket}`, {
      seq: this.position,
    });
    // What was purged leaves no trace but an empty stream.
    if (message === undefined) return mayGoOn && state.messages > 0 && (await this.isAttested()) ? "same" : "uncertain";
    return storedAt(message) === this.positionStored ? "same" : { bucket, how: "rolledBack" };
  }

  /**
   * Whether the consumer of the lost connection is still there. Nobody answers for one whose server has left a cluster.
   * Rejects with NoAnswer where the one server that there is does not answer.
   */
  private async isAttested(): Promise<boolean> {
    const { link } = this;
    const asked = this.witness?.isKept() ?? Promise.resolve(false);
    if (link.cluster === undefined) return asked;
    const answered = new AbortController();
    const late = sleep(link.settings.clock, longestQuestion, answered.signal).then(() => false);
    return Promise.race([asked.catch(() => false), late]).finally(() => {
      answered.abort();
    });
  }

  private startOver(renewal?: Renewal): void {
    this.isLoaded = false;
    this.position = 0;
    if (renewal !== undefined) this.bucket.forget();
    if (this.hasDelivered || renewal !== undefined) this.listener.doubt(renewal);
  }

  private makeFeed(round: number, loadsUntil: number, serverTime: number): NatsFeed {
    const isMine = () => this.revival.isCurrent(round);
    return new NatsFeed(this.link, this.bucket, this.prefix, {
      message: (message) => {
        if (isMine()) this.deliver(message, loadsUntil, serverTime);
      },
      current: () => {
        if (!isMine() || this.isLoaded) return;
        this.isLoaded = true;
        this.hasDelivered = true;
        this.listener.current();
      },
      alive: () => {
        if (isMine()) this.revival.heard();
      },
      broken: () => {
        if (isMine()) this.restart();
      },
    });
  }

  private deliver({ key, value, revision, stored }: FeedMessage, loadsUntil: number, serverTime: number): void {
    this.position = revision;
    this.positionStored = stored;
    if (value === undefined) {
      this.marks.remember(revision);
      if (revision <= loadsUntil) {
        // Deleted before the load began: nothing to tell. What an old server still holds of it can go some day.
        if (!this.bucket.expiresMarks) this.marks.removeLater(revision, serverTime - Number(stored.slice(0, -6)));
        return;
      }
    }
    this.hasDelivered = true;
    this.listener.change({ key, value, revision });
  }

  private restart(): void {
    if (this.closed) return;
    const { feed } = this;
    this.feed = undefined;
    if (feed?.isWitness) {
      void this.witness?.end();
      this.witness = feed;
    } else void feed?.end();
    this.revival.again();
  }

  private keepVigil(): void {
    this.revival.keepVigil(
      () => true,
      () => {
        this.restart();
      },
    );
  }
}
