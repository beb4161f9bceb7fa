import { OstinatoError } from "../errors";
import type { Watch, WatchListener } from "../store";
import type { NatsBucket } from "./nats-bucket";
import { NatsFeed, type FeedMessage } from "./nats-feed";
import type { NatsLink } from "./nats-link";
import type { NatsMarks } from "./nats-marks";
import { marksKept } from "./nats-records";
import { NatsRevival } from "./nats-revival";

/** A deletion is remembered longer than a watch may have been away and still go on where it was. */
const longestAway = (marksKept * 1000) / 2;

/**
 * A watch that outlives consumers, connections and servers. It goes on from the last revision that it saw, as long as
 * the server still knows every deletion since; where that is not sure, it says so (`doubt`) and delivers all anew.
 */
export class NatsWatch implements Watch {
  private feed: NatsFeed | undefined;
  private position = 0;
  private created: string | undefined;
  private hasDelivered = false;
  private isLoaded = false;
  private readonly revival: NatsRevival;
  private closed = false;
  private closing: (() => void) | undefined;
  private readonly stopListening: () => void;

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
    this.stopListening = link.onReturn(() => {
      this.restart();
    });
    this.revival.start();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.revival.end();
    this.stopListening();
    this.closing?.();
    await this.feed?.end();
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
      const isSame = info.created === this.created && info.state.last_seq >= this.position;
      if (!isSame && this.created !== undefined) this.bucket.forget();
      const goesOn = this.isLoaded && isSame && revival.silentFor < longestAway;
      if (!goesOn) this.startOver();
      this.created = info.created;
      revival.heard();
      feed = this.makeFeed(round, goesOn ? 0 : info.state.last_seq, Date.parse(info.state.last_ts));
      this.feed = feed;
      await feed.start(goesOn ? this.position + 1 : undefined, info.state.last_seq);
      if (revival.isCurrent(round)) this.keepVigil();
      else await feed.end();
    } catch (error) {
      void feed?.end();
      if (!revival.isCurrent(round)) return;
      this.failed(error);
      this.restart();
    }
  }

  private startOver(): void {
    this.isLoaded = false;
    this.position = 0;
    if (this.hasDelivered) this.listener.doubt();
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
    void this.feed?.end();
    this.feed = undefined;
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
