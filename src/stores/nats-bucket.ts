import type { NatsLink } from "./nats-link";
import { NatsStream, type StreamConfig } from "./nats-stream";
import { supportsMessageTtl } from "./nats-versions";

/** The smallest message that a bucket must take: values go up to 512 KiB. */
const smallestMaximum = 600 * 1024;
/** Servers from 2.15 allow 1,000 unless told; each watch is one. */
const maxConsumers = 5000;

/** The stream behind one map. */
export class NatsBucket extends NatsStream {
  readonly subjects: string;

  constructor(
    link: NatsLink,
    map: string,
    /** Told when the stream is another one than before. */
    private readonly onRenewal: () => void = () => undefined,
  ) {
    const bucket = `${link.settings.namespace}_${map}`;
    super(link, "bucket", `KV_${bucket}`);
    // What was checked on one server may not hold for the next, or for a stream that was restored meanwhile.
    link.onReturn(() => {
      this.forget();
    });
    this.subjects = `$KV.${bucket}.`;
  }

  /** Whether the server removes deletion marks by itself when their time is over. */
  get expiresMarks(): boolean {
    return this.known?.config["allow_msg_ttl"] === true && supportsMessageTtl(this.link.serverVersion);
  }

  protected override renewed(): void {
    this.onRenewal();
  }

  protected wanted(): StreamConfig {
    const { storage, replicas } = this.link.settings;
    return {
      name: this.name,
      subjects: [`${this.subjects}>`],
      retention: "limits",
      storage,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_msgs: -1,
      max_bytes: -1,
      max_msg_size: -1,
      max_age: 0,
      max_consumers: maxConsumers,
      discard: "new",
      allow_rollup_hdrs: true,
      allow_direct: false,
      deny_delete: false,
      deny_purge: false,
      ...(supportsMessageTtl(this.link.serverVersion) ? { allow_msg_ttl: true } : {}),
    };
  }

  protected check(found: StreamConfig): void {
    this.requireSame(found, [
      ...["retention", "storage", "max_msgs_per_subject", "max_age", "discard", "allow_rollup_hdrs"],
    ]);
    this.requireUnset(found, ["mirror", "sources", "subject_transform", "republish"]);
    this.requireFalse(found, ["sealed", "no_ack"]);
    const size = Number(found["max_msg_size"] ?? -1);
    if (size !== -1 && size < smallestMaximum) {
      this.wrong("max_msg_size", size, `-1, or at least ${String(smallestMaximum)}`);
    }
  }
}
