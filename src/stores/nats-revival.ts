import type { TimerId } from "../clock";
import { systemRandom } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";
import { heartbeat } from "./nats-feed";
import type { NatsLink } from "./nats-link";

/** Longer silence than this is no idleness: the consumer, or the way to it, is gone. */
const silence = 3 * heartbeat;
/** What has lived so long did not fail at once. */
const steady = 10_000;
const retry = parseRetry("retry", { initialDelay: 100, maxDelay: 5000, jitter: 0.5 });

/**
 * Begins something again and again, whenever it has failed or fallen silent: at once, or later and later if that happens
 * often. Each beginning is a round; what an older one still says is not to be listened to.
 */
export class NatsRevival {
  private round = 0;
  private timer: TimerId;
  private failures = 0;
  private lastStart = 0;
  private lastHeard = 0;
  private ended = false;

  constructor(
    private readonly link: NatsLink,
    private readonly begin: (round: number) => Promise<void>,
  ) {}

  /** Now. */
  start(): void {
    this.round += 1;
    this.lastStart = this.now;
    void this.begin(this.round);
  }

  isCurrent(round: number): boolean {
    return round === this.round;
  }

  heard(): void {
    this.lastHeard = this.now;
  }

  get silentFor(): number {
    return this.now - this.lastHeard;
  }

  /** What there was has failed, and has been ended. */
  again(): void {
    if (this.ended) return;
    const { clock } = this.link.settings;
    const round = ++this.round;
    clock.clearTimeout(this.timer);
    this.failures = this.now - this.lastStart > steady ? 0 : this.failures + 1;
    const delay = this.failures === 0 ? 0 : backoffDelay(retry, this.failures, systemRandom());
    this.timer = clock.setTimeout(() => {
      if (round !== this.round) return;
      // Without a connection there is nothing to try: its return begins it again.
      if (this.link.online || !this.link.isKept) this.start();
    }, delay);
  }

  /** Calls `fallenSilent` when nothing was heard for too long, although something should have been. */
  keepVigil(shouldSpeak: () => boolean, fallenSilent: () => void): void {
    const { clock } = this.link.settings;
    clock.clearTimeout(this.timer);
    this.timer = clock.setTimeout(() => {
      if (this.link.online && shouldSpeak() && this.silentFor > silence) fallenSilent();
      else this.keepVigil(shouldSpeak, fallenSilent);
    }, heartbeat);
  }

  end(): void {
    this.ended = true;
    this.round += 1;
    this.link.settings.clock.clearTimeout(this.timer);
  }

  private get now(): number {
    return this.link.settings.clock.monotonic();
  }
}
