import type { TimerId } from "../clock";
import { NoAnswer } from "./nats-errors";
import type { NatsLink } from "./nats-link";
import { marksKept, storedValue, type StoredMessage } from "./nats-records";

const remembered = 10_000;
const mostWaiting = 200_000;
const together = 64;
const sweepEvery = 10_000;

/**
 * The marks that deletions leave in a stream: which revisions are such marks, and, where the server does not let them
 * expire, their removal once no watch can still need them. Removal is by sequence number, so that it can never hit a
 * newer record; since the stream may be a new one, in which the number is another record's, it is looked at first.
 */
export class NatsMarks {
  private readonly recent = new Set<number>();
  private readonly waiting: { readonly revision: number; readonly since: number }[] = [];
  private timer: TimerId;
  private stopped = false;

  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
  ) {}

  /** Whether this revision was a deletion, at which nothing can be updated. In a stream that was made again it may not be. */
  has(revision: number): boolean {
    return this.recent.has(revision);
  }

  remember(revision: number): void {
    this.recent.add(revision);
    if (this.recent.size <= remembered) return;
    for (const oldest of this.recent) {
      this.recent.delete(oldest);
      break;
    }
  }

  /** This revision is no mark; left out: the stream is another one, and nothing that was known holds for it. */
  forget(revision?: number): void {
    if (revision !== undefined) this.recent.delete(revision);
    else {
      this.recent.clear();
      this.waiting.length = 0;
    }
  }

  /** Removes the mark when its time is over; at once if it was made so many milliseconds ago. */
  removeLater(revision: number, age = 0): void {
    if (this.stopped) return;
    this.waiting.push({ revision, since: this.link.settings.clock.monotonic() - age });
    // What is dropped here is found again by the next load.
    if (this.waiting.length > mostWaiting) this.waiting.splice(0, mostWaiting / 10);
    this.timer ??= this.link.settings.clock.setTimeout(this.sweep, sweepEvery);
  }

  stop(): void {
    this.stopped = true;
    this.waiting.length = 0;
    this.link.settings.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }

  resume(): void {
    this.stopped = false;
  }

  private readonly sweep = (): void => {
    void this.removeDue().finally(() => {
      this.timer = undefined;
      if (this.waiting.length > 0 && !this.stopped) {
        this.timer = this.link.settings.clock.setTimeout(this.sweep, sweepEvery);
      }
    });
  };

  private async removeDue(): Promise<void> {
    const limit = this.link.settings.clock.monotonic() - marksKept * 1000;
    for (;;) {
      const due = this.waiting.slice(0, together).filter(({ since }) => since <= limit);
      if (due.length === 0 || this.stopped || !this.link.online) return;
      this.waiting.splice(0, due.length);
      const results = await Promise.allSettled(due.map(({ revision }) => this.remove(revision)));
      for (const result of results) {
        if (
          result.status === "rejected" &&
          result.reason instanceof NoAnswer &&
          result.reason.silence === "forbidden"
        ) {
          process.emitWarning(`deleted keys stay on the server: ${result.reason.message}`, {
            code: "OSTINATO_NATS_MARKS",
          });
          this.stop();
          return;
        }
      }
    }
  }

  private async remove(revision: number): Promise<void> {
    const { message } = await this.link.api<{ message?: StoredMessage }>(`STREAM.MSG.GET.${this.stream}`, {
      seq: revision,
    });
    if (message === undefined || storedValue(message) !== undefined) return;
    await this.link.api(`STREAM.MSG.DELETE.${this.stream}`, { seq: revision, no_erase: true });
  }
}
