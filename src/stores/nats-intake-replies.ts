import type { Clock } from "../clock";
import { Fifo } from "../fifo";

/** How long a requester is believed to wait, in milliseconds. */
export const requestAge = 30_000;

const requestLimits = { count: 20_000, bytes: 32 * 1024 * 1024, age: requestAge };
const answerLimits = { count: 1000, bytes: 8 * 1024 * 1024, age: 1000 };
const surplusLimits = { count: 20_000, bytes: 8 * 1024 * 1024, age: 5_000 };

/**
 * Where answers go. A stream does not keep the subject that a requester listens on, so that requests are also heard
 * directly, and each is matched with the messages of the stream that have the same content. An answer goes to every
 * request of its content that waits: each asked before the message was handled, so it is true for all of them. Pairs
 * would be wrong in either order. The oldest request may be one whose message was lost, and would take the answer of the
 * request that repeats it; the newest first would let the oldest wait for as long as others ask the same.
 *
 * In a cluster of servers the request may be heard after the message of the stream has been answered. That answer is
 * kept for a second. A request may then take one that was meant for an equal message without a requester: it is told
 * early what has just become of the same content, and its own message is still worked on.
 */
export class NatsIntakeReplies {
  private readonly requests: Waiting;
  private readonly answers: Waiting;
  /** Requests that the answer to another's message has reached: the answer to their own is to be sent to nobody. */
  private readonly surplus: Waiting;

  constructor(
    clock: Clock,
    private readonly send: (reply: string, text: string) => void,
  ) {
    this.requests = new Waiting(clock, requestLimits);
    this.answers = new Waiting(clock, answerLimits);
    this.surplus = new Waiting(clock, surplusLimits);
  }

  /** A request was heard. */
  hear(kind: string, body: Uint8Array, reply: string): void {
    const content = contentOf(kind, body);
    const text = this.answers.take(content);
    if (text === undefined) this.requests.add(content, reply);
    else this.send(reply, text);
  }

  /** The message of the stream with this content has its answer. */
  answer(kind: string, body: Uint8Array, text: string): void {
    const content = contentOf(kind, body);
    let reply = this.requests.take(content);
    if (reply === undefined && this.surplus.take(content) === undefined) this.answers.add(content, text);
    while (reply !== undefined) {
      this.send(reply, text);
      reply = this.requests.take(content);
      if (reply !== undefined) this.surplus.add(content, "");
    }
  }

  clear(): void {
    this.requests.clear();
    this.answers.clear();
    this.surplus.clear();
  }
}

function contentOf(kind: string, body: Uint8Array): string {
  return kind + Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
}

interface Item {
  readonly content: string;
  readonly value: string;
  readonly since: number;
  isTaken: boolean;
}

/** Values that wait for their content to come, the oldest of it first; what is too much or too old is dropped. */
class Waiting {
  /** With those that were taken since, until their turn comes. */
  private readonly inOrder = new Fifo<Item>();
  private readonly byContent = new Map<string, Fifo<Item>>();
  private count = 0;
  private bytes = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: { readonly count: number; readonly bytes: number; readonly age: number },
  ) {}

  add(content: string, value: string): void {
    const item = { content, value, since: this.clock.monotonic(), isTaken: false };
    this.inOrder.push(item);
    const alike = this.byContent.get(content) ?? new Fifo<Item>();
    this.byContent.set(content, alike);
    alike.push(item);
    this.count += 1;
    this.bytes += sizeOf(item);
    this.drop();
  }

  take(content: string): string | undefined {
    this.drop();
    const item = this.byContent.get(content)?.shift();
    if (item) this.settle(item);
    return item?.value;
  }

  clear(): void {
    this.inOrder.clear();
    this.byContent.clear();
    this.count = 0;
    this.bytes = 0;
  }

  private drop(): void {
    const oldest = this.clock.monotonic() - this.limits.age;
    for (let item = this.inOrder.peek(); item !== undefined; item = this.inOrder.peek()) {
      const fits = this.count <= this.limits.count && this.bytes <= this.limits.bytes;
      if (!item.isTaken && fits && item.since >= oldest) break;
      this.inOrder.shift();
      if (item.isTaken) continue;
      // Of those of its content that are left, it is the oldest.
      this.byContent.get(item.content)?.shift();
      this.settle(item);
    }
  }

  /** The item does not wait any more. */
  private settle(item: Item): void {
    item.isTaken = true;
    this.count -= 1;
    this.bytes -= sizeOf(item);
    if (this.byContent.get(item.content)?.size === 0) this.byContent.delete(item.content);
  }
}

const sizeOf = ({ content, value }: Item): number => content.length + value.length;
