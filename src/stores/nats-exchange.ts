import type { Msg, MsgHdrs, NatsConnection, Subscription } from "nats";
import type { Clock, TimerId } from "../clock";
import { Fifo } from "../fifo";
import { NoAnswer, type Silence } from "./nats-errors";
import { toError } from "../foreign";

/** Headers as the bytes they are on the wire: the client's own header objects cost more than the rest of a write. */
export function headerBytes(lines: string): MsgHdrs {
  const bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\n`, "latin1");
  return { encode: () => bytes } as unknown as MsgHdrs;
}

interface Pending {
  readonly subject: string;
  readonly deadline: number;
  resolve(answer: Msg): void;
  reject(reason: NoAnswer): void;
}

const noPayload = new Uint8Array(0);

/**
 * Requests and their answers over one connection: each is published with a reply subject, and one subscription collects
 * what comes back. All wait equally long, so that the oldest is always the first to run out and one timer serves all.
 */
export class NatsExchange {
  private readonly pending = new Map<number, Pending>();
  private readonly waiting = new Fifo<() => void>();
  /** What is to be sent once everything that happens at this moment has happened: in one write to the socket. */
  private gathered: (() => void)[] = [];
  private readonly prefix: string;
  private readonly subscription: Subscription;
  private next = 0;
  private timer: TimerId;
  private idle: (() => void) | undefined;
  private refusal: string | undefined;
  private deaf: string | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly clock: Clock,
    private readonly patience: number,
    private readonly window: number,
    inbox: string,
  ) {
    this.prefix = `${inbox}.`;
    this.subscription = connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        // A subscription that is refused is told of by forbidAll.
        if (!error) this.answer(message);
      },
    });
  }

  /** Rejects with NoAnswer. No more than the window's number of requests are on their way at a time. */
  request(subject: string, payload: Uint8Array | string = noPayload, headers?: MsgHdrs): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const send = () => {
        if (this.deaf !== undefined) reject(new NoAnswer("forbidden", this.deaf));
        else if (this.refusal !== undefined) reject(new NoAnswer("not sent", this.refusal));
        else this.send(subject, payload, headers, resolve, reject);
      };
      if (this.pending.size + this.gathered.length < this.window || this.refusal !== undefined) this.gather(send);
      else this.waiting.push(send);
    });
  }

  private gather(send: () => void): void {
    this.gathered.push(send);
    if (this.gathered.length > 1) return;
    process.nextTick(() => {
      const sends = this.gathered;
      this.gathered = [];
      for (const each of sends) each();
      // None of them may have been sent, so that no answer comes.
      if (this.pending.size === 0) this.idle?.();
    });
  }

  /** Fails what is on its way, and from now on everything before it is sent: nothing is kept to be sent later. */
  suspend(reason: string): void {
    this.refusal = reason;
    this.failAll("cut", reason);
    for (const send of this.waiting.drain()) send();
  }

  resume(): void {
    this.refusal = undefined;
  }

  /** The server refused a publish to this subject. */
  forbid(subject: string, reason: string): void {
    for (const [token, pending] of this.pending) {
      if (pending.subject === subject) this.settle(token)?.reject(new NoAnswer("forbidden", reason));
    }
    this.sendWaiting();
  }

  /** The server lets this user hear no answers at all, so that nothing can be asked. */
  forbidAll(reason: string): void {
    this.deaf = reason;
    this.failAll("forbidden", reason);
    for (const send of this.waiting.drain()) send();
  }

  /** Waits for the answers to what is on its way, then takes no more. */
  async close(reason: string): Promise<void> {
    if (this.pending.size + this.gathered.length > 0) await new Promise<void>((resolve) => (this.idle = resolve));
    this.suspend(reason);
    this.clock.clearTimeout(this.timer);
    if (!this.connection.isClosed()) this.subscription.unsubscribe();
  }

  private send(
    subject: string,
    payload: Uint8Array | string,
    headers: MsgHdrs | undefined,
    resolve: (answer: Msg) => void,
    reject: (reason: NoAnswer) => void,
  ): void {
    const token = this.next++;
    const reply = this.prefix + token.toString(36);
    try {
      this.connection.publish(subject, payload, headers ? { reply, headers } : { reply });
    } catch (cause) {
      reject(new NoAnswer("not sent", toError(cause).message, { cause }));
      return;
    }
    const deadline = this.clock.monotonic() + this.patience;
    this.pending.set(token, { subject, deadline, resolve, reject });
    this.timer ??= this.clock.setTimeout(this.expire, this.patience);
  }

  private answer(message: Msg): void {
    const pending = this.settle(parseInt(message.subject.slice(this.prefix.length), 36));
    if (!pending) return;
    if (message.data.length === 0 && message.headers?.code === 503) {
      pending.reject(new NoAnswer("no responders", `nobody answers on ${pending.subject}`));
    } else {
      pending.resolve(message);
    }
    this.sendWaiting();
  }

  private readonly expire = (): void => {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (const [token, pending] of this.pending) {
      if (pending.deadline > now) {
        this.timer = this.clock.setTimeout(this.expire, pending.deadline - now);
        break;
      }
      const seconds = String(this.patience / 1000);
      this.settle(token)?.reject(new NoAnswer("unanswered", `no answer within ${seconds} s on ${pending.subject}`));
    }
    this.sendWaiting();
  };

  private failAll(silence: Silence, reason: string): void {
    for (const token of [...this.pending.keys()]) this.settle(token)?.reject(new NoAnswer(silence, reason));
  }

  private settle(token: number): Pending | undefined {
    const pending = this.pending.get(token);
    if (!pending) return undefined;
    this.pending.delete(token);
    if (this.pending.size === 0) this.idle?.();
    return pending;
  }

  private sendWaiting(): void {
    while (this.waiting.size > 0 && this.pending.size + this.gathered.length < this.window) {
      this.gather(this.waiting.shift() as () => void);
    }
  }
}
