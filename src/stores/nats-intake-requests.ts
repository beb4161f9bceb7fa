import type { Msg } from "nats";
import type { Intake } from "../store";
import { NatsIntakeNames, type NamedMessage } from "./nats-intake-names";
import { NatsIntakeReplies } from "./nats-intake-replies";
import type { NatsIntakeStream } from "./nats-intake-stream";
import type { NatsLink, Reception } from "./nats-link";
import { replyRefusal } from "./nats-reply-subjects";

export const kinds = ["assign", "remove"] as const;
export type Kind = (typeof kinds)[number];

/** A message of the stream that has its answer. */
export interface AnsweredMessage {
  readonly kind: Kind;
  readonly body: Uint8Array;
  readonly sequence: number;
  readonly messageId: string | undefined;
}

/** Who waits for answers to what is published for one queue: heard directly, because a stream does not keep that. */
export class NatsIntakeRequests {
  private readonly replies: NatsIntakeReplies;
  private readonly names: NatsIntakeNames;
  private heard: Reception[] = [];

  constructor(
    private readonly link: NatsLink,
    private readonly stream: NatsIntakeStream,
  ) {
    const send = (reply: string, text: string): void => {
      this.send(reply, text);
    };
    this.replies = new NatsIntakeReplies(link.settings.clock, send);
    this.names = new NatsIntakeNames(link.settings.clock, {
      send,
      stream: stream.name,
      window: () => stream.window,
    });
  }

  /** Somebody consumes, who knows what was answered before; or nobody does. */
  serve(recall: Parameters<Intake["consume"]>[1]): void {
    this.names.serve(recall);
  }

  /** From now on, if not already. Needs a connection. */
  hear(): void {
    if (this.heard.length > 0 && this.heard.every((reception) => !reception.isOver())) return;
    this.unhear();
    this.heard = kinds.map((kind) => {
      const subject = this.stream.subjects + kind;
      return this.link.receive(
        (message) => {
          this.take(kind, message);
        },
        () => {
          this.stream.complain(
            `the server does not permit this user to subscribe to "${subject}", so that producers that wait for an answer get none; grant it`,
          );
        },
        subject,
      );
    });
  }

  answer({ kind, body, sequence, messageId }: AnsweredMessage, text: string): void {
    if (messageId === undefined) this.replies.answer(kind, body, text);
    else this.names.answer({ kind, body, messageId }, { text, sequence });
  }

  /** What was asked of a stream that is gone is not answered. */
  forget(): void {
    this.replies.clear();
    this.names.clear();
  }

  end(): void {
    this.unhear();
    this.forget();
  }

  private unhear(): void {
    for (const reception of this.heard) reception.end();
    this.heard = [];
  }

  private take(kind: Kind, message: Msg): void {
    const { reply, data } = message;
    if (!reply) return;
    const { replyPrefixes, connection } = this.link.settings;
    const refusal = replyRefusal(reply, { replyPrefixes, own: connection.inboxPrefix });
    if (refusal !== undefined) {
      this.stream.complain(
        `a producer asks for an answer on a subject that ${refusal}: it gets none, and what it asks for is done`,
      );
      return;
    }
    const messageId = messageIdOf(message);
    if (messageId === undefined) this.replies.hear(kind, data, reply);
    else this.names.hear({ kind, body: data, messageId } satisfies NamedMessage, reply);
  }

  /** An answer that cannot be sent is missed by the requester, which asks again. */
  private send(reply: string, text: string): void {
    try {
      this.link.publish(reply, text);
    } catch {
      // Longer than the server takes.
    }
  }
}

/** The `Nats-Msg-Id` of a message; a producer's headers may be anything. */
export function messageIdOf(message: Msg): string | undefined {
  try {
    return message.headers?.get("Nats-Msg-Id") || undefined;
  } catch {
    return undefined;
  }
}
