import type { TimerId } from "../clock";
import { OstinatoError } from "../errors";
import { systemRandom } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";
import type { Watch, WatchListener } from "../store";
import type { NatsBucket } from "./nats-bucket";
import { heartbeat, NatsFeed, type FeedMessage } from "./nats-feed";
import type { NatsLink } from "./nats-link";
import type { NatsMarks } from "./nats-marks";
import { marksKept } from "./nats-records";

/** Longer silence than this is no idleness: the consumer, or the way to it, is gone. */
const silence = 3 * heartbeat;
/** A deletion is remembered longer than a watch may have been away and still go on where it was. */
const longestAway = (marksKept * 1000) / 2;
const steady = 10_000;
const retry = parseRetry("retry", { initialDelay: 100, maxDelay: 5000, jitter: 0.5 });

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
  private lastHeard = 0;
  private lastStart = 0;
  private failures = 0;
  /** Grows with every start: what an older one still says is not listened to. */
  private round = 0;
  private timer: TimerId;
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
    this.stopListening = link.onReturn(() => {
      this.restart();
    });
    void this.begin();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.round += 1;
    this.stopListening();
    this.closing?.();
    this.link.settings.clock.clearTimeout(this.timer);
    await this.feed?.end();
  }

  /** Calls back when it is closed. */
  onClose(closing: () => void): void {
    this.closing = closing;
  }

  private async begin(): Promise<void> {
    const round = ++this.round;
    const { clock } = this.link.settings;
    this.lastStart = clock.monotonic();
    let feed: NatsFeed | undefined;
    try {
      await this.bucket.ready();
      const info = await this.bucket.info();
      if (!info) {
        this.bucket.forget();
        throw new OstinatoError("ERR_STORE_UNAVAILABLE", `${this.bucket.stream} was removed`);
      }
      if (round !== this.round) return;
      const isSame = info.created === this.created && info.state.last_seq >= this.position;
      if (!isSame && this.created !== undefined) this.bucket.forget();
      const goesOn = this.isLoaded && isSame && clock.monotonic() - this.lastHeard < longestAway;
      if (!goesOn) this.startOver();
      this.created = info.created;
      this.lastHeard = clock.monotonic();
      feed = this.makeFeed(round, goesOn ? 0 : info.state.last_seq, Date.parse(info.state.last_ts));
      this.feed = feed;
      await feed.start(goesOn ? this.position + 1 : undefined, info.state.last_seq);
      if (round === this.round) this.keepVigil();
      else await feed.end();
    } catch (error) {
      void feed?.end();
      if (round !== this.round) return;
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
    const isMine = () => round === this.round;
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
        if (isMine()) this.lastHeard = this.link.settings.clock.monotonic();
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

  /** Ends what there is and begins again: at once, or later and later if that happens often. */
  private restart(): void {
    if (this.closed) return;
    const { clock } = this.link.settings;
    const round = ++this.round;
    void this.feed?.end();
    this.feed = undefined;
    clock.clearTimeout(this.timer);
    this.failures = clock.monotonic() - this.lastStart > steady ? 0 : this.failures + 1;
    const delay = this.failures === 0 ? 0 : backoffDelay(retry, this.failures, systemRandom());
    this.timer = clock.setTimeout(() => {
      if (round !== this.round) return;
      // Without a connection there is nothing to try: its return begins it again.
      if (this.link.online || !this.link.isKept) void this.begin();
    }, delay);
  }

  private keepVigil(): void {
    const { clock } = this.link.settings;
    clock.clearTimeout(this.timer);
    this.timer = clock.setTimeout(() => {
      if (this.link.online && clock.monotonic() - this.lastHeard > silence) this.restart();
      else this.keepVigil();
    }, heartbeat);
  }
}
