import { NatsIntakeReplies } from "./nats-intake-replies";
import type { NatsIntakeStream } from "./nats-intake-stream";
import type { NatsLink, Reception } from "./nats-link";

export const kinds = ["assign", "remove"] as const;
export type Kind = (typeof kinds)[number];

/** Who waits for answers to what is published for one queue: heard directly, because a stream does not keep that. */
export class NatsIntakeRequests {
  private readonly replies: NatsIntakeReplies;
  private heard: Reception[] = [];

  constructor(
    private readonly link: NatsLink,
    private readonly stream: NatsIntakeStream,
  ) {
    this.replies = new NatsIntakeReplies(link.settings.clock, (reply, text) => {
      this.send(reply, text);
    });
  }

  /** From now on, if not already. Needs a connection. */
  hear(): void {
    if (this.heard.length > 0 && this.heard.every((reception) => !reception.isOver())) return;
    this.unhear();
    this.heard = kinds.map((kind) => {
      const subject = this.stream.subjects + kind;
      return this.link.receive(
        ({ reply, data }) => {
          if (reply) this.replies.hear(kind, data, reply);
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

  answer(kind: Kind, body: Uint8Array, text: string): void {
    this.replies.answer(kind, body, text);
  }

  /** What was asked of a stream that is gone is not answered. */
  forget(): void {
    this.replies.clear();
  }

  end(): void {
    this.unhear();
    this.replies.clear();
  }

  private unhear(): void {
    for (const reception of this.heard) reception.end();
    this.heard = [];
  }

  /** An answer that cannot be sent is one that the requester waits for in vain; it asks again. */
  private send(reply: string, text: string): void {
    try {
      this.link.publish(reply, text);
    } catch {
      // Longer than the server takes.
    }
  }
}
