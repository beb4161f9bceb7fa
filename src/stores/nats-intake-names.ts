import type { Clock } from "../clock";
import { fingerprint } from "../identity";
import type { Intake, RepeatedRequest } from "../store";
import { requestAge } from "./nats-intake-replies";

/** A message that its producer has named by `Nats-Msg-Id`. */
export type NamedMessage = RepeatedRequest;

interface Answer {
  readonly text: string;
  readonly sequence: number;
}

interface Known extends Answer {
  readonly content: string;
  readonly since: number;
}

interface Waiting {
  readonly reply: string;
  readonly content: string;
  readonly since: number;
  /** To be recalled once somebody consumes. */
  readonly message?: NamedMessage;
}

export interface NatsIntakeNamesOptions {
  readonly send: (reply: string, text: string) => void;
  readonly stream: string;
  /** For how many milliseconds the server drops a second message of a name. */
  readonly window: () => number;
}

type Recall = Parameters<Intake["consume"]>[1];

const mostKnown = 10_000;
const mostWaiting = 20_000;
/** Of one name: who repeats more often than that has stopped listening to the first. */
const mostOfOneName = 100;
const mostBytes = 8 * 1024 * 1024;

/**
 * Answers to requests that have a name. The server drops a second message of the same name for a while, so that its
 * request is answered from what was done for the first. Such an answer is a receipt of JetStream, too: `stream`, `seq`,
 * `duplicate`, and `error` where it was refused, so that the JetStream publish of any client understands it.
 */
export class NatsIntakeNames {
  private readonly known = new Map<string, Known>();
  private readonly waiting = new Map<string, Waiting[]>();
  private recall: Recall;
  /** Of messages that wait to be recalled. */
  private bytes = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: NatsIntakeNamesOptions,
  ) {}

  /** From now on somebody knows what was answered before, or nobody does. */
  serve(recall: Recall): void {
    this.recall = recall;
    this.bytes = 0;
    if (recall === undefined) return;
    for (const [name, waiting] of this.waiting) {
      const left = waiting.filter(({ message, ...each }) => {
        const recalled = message && recall(message);
        if (recalled !== undefined) this.reply(each, { ...recalled, content: each.content }, true);
        return recalled === undefined;
      });
      if (left.length === 0) this.waiting.delete(name);
      else this.waiting.set(name, left);
    }
  }

  hear(message: NamedMessage, reply: string): void {
    this.forgetOld();
    const name = fingerprint(message.messageId);
    const content = fingerprint(message.kind, message.body);
    const known = this.known.get(name);
    if (known !== undefined) return this.reply({ reply, content }, known, true);
    const recalled = this.recall?.(message);
    if (recalled !== undefined) return this.reply({ reply, content }, { ...recalled, content }, true);
    const waiting = this.waiting.get(name) ?? [];
    const isKept = this.recall === undefined && this.bytes + message.body.length <= mostBytes;
    if (isKept) this.bytes += message.body.length;
    const one = { reply, content, since: this.clock.monotonic(), ...(isKept ? { message } : {}) };
    if (waiting.length < mostOfOneName) waiting.push(one);
    this.waiting.delete(name);
    this.waiting.set(name, waiting);
  }

  /** The stream's message of this name has its answer. */
  answer({ kind, body, messageId }: NamedMessage, { text, sequence }: Answer): void {
    const name = fingerprint(messageId);
    const content = fingerprint(kind, body);
    const known = { text, sequence, content, since: this.clock.monotonic() };
    this.known.delete(name);
    this.known.set(name, known);
    const waiting = this.waiting.get(name) ?? [];
    this.waiting.delete(name);
    for (const [index, each] of waiting.entries()) this.reply(each, known, index > 0);
    this.forgetOld();
  }

  clear(): void {
    this.known.clear();
    this.waiting.clear();
    this.bytes = 0;
  }

  private reply(
    { reply, content }: Pick<Waiting, "reply" | "content">,
    { text, sequence, content: answered }: Answer & Pick<Known, "content">,
    isCopy: boolean,
  ): void {
    const { send, stream } = this.options;
    if (content === answered) {
      const given = JSON.parse(text) as { ok: boolean; code?: string; message?: string };
      const error = { code: 400, description: `${given.code ?? ""}: ${given.message ?? ""}` };
      const receipt = { stream, seq: sequence, ...(isCopy ? { duplicate: true } : {}) };
      send(reply, JSON.stringify({ ...given, ...(given.ok ? receipt : { error }) }));
      return;
    }
    const message = "Nats-Msg-Id: another message has it, so that the server has dropped this one; choose another";
    const code = "ERR_INVALID_OPTION";
    send(reply, JSON.stringify({ ok: false, code, message, error: { code: 400, description: `${code}: ${message}` } }));
  }

  /** Both maps are in the order of time. */
  private forgetOld(): void {
    const now = this.clock.monotonic();
    for (const [name, { since }] of this.known) {
      if (this.known.size <= mostKnown && now - since <= this.options.window()) break;
      this.known.delete(name);
    }
    for (const [name, waiting] of this.waiting) {
      if (this.waiting.size <= mostWaiting && now - (waiting.at(-1)?.since ?? 0) <= requestAge) break;
      this.waiting.delete(name);
    }
  }
}
