import { OstinatoError } from "../errors";
import { subjectsOverlap, type ApiError } from "./nats-errors";
import { requestAge } from "./nats-intake-replies";
import type { NatsLink } from "./nats-link";
import { NatsStream, type StreamConfig, type StreamInfo } from "./nats-stream";

/** One reads at a time; the rest is room for those that were abandoned and not yet forgotten. */
const maxConsumers = 100;
/**
 * Nanoseconds in which a second message of the same `Nats-Msg-Id`, or of equal content, is a copy of the first: as long
 * as a requester is believed to wait. Whoever assigns the same thing every minute means it.
 */
const duplicateWindow = requestAge * 1_000_000;
const mostComplaints = 100;

/** The stream that keeps what producers publish for one queue. */
export class NatsIntakeStream extends NatsStream {
  /** What comes before the kind of a message in its subject. */
  readonly subjects: string;
  private readonly complaints = new Set<string>();
  private duplicateWindow = duplicateWindow;

  constructor(link: NatsLink, queue: string) {
    const { namespace } = link.settings;
    super(link, "stream", `${namespace}_${queue}_intake`);
    this.subjects = `${namespace}.${queue}.`;
  }

  /** What it is, its settings checked; undefined where there is none. Makes nothing. */
  async examine(): Promise<StreamInfo | undefined> {
    const info = await this.info();
    if (info) this.check(info.config);
    return info;
  }

  /** For how many milliseconds a second message of the same name is the same message, as the stream was found. */
  get window(): number {
    return this.duplicateWindow / 1_000_000;
  }

  /** Reports, each reason once, why nothing comes of it, or no answer goes out: nobody else notices. */
  complain(reason: string): void {
    if (this.complaints.has(reason) || this.complaints.size >= mostComplaints) return;
    this.complaints.add(reason);
    process.emitWarning(`${this.name}: ${reason}`, { code: "OSTINATO_NATS_INTAKE" });
  }

  protected override creationError(error: ApiError): OstinatoError {
    if (error.err_code !== subjectsOverlap) return super.creationError(error);
    return new OstinatoError(
      "ERR_STORE_SETTINGS",
      `${this.name}: another stream has ${this.subjects}assign or ${this.subjects}remove among its subjects; ` +
        "take them out of it, or choose another namespace",
    );
  }

  protected wanted(): StreamConfig {
    const { storage, replicas } = this.link.settings;
    return {
      name: this.name,
      subjects: [`${this.subjects}assign`, `${this.subjects}remove`],
      retention: "limits",
      storage,
      num_replicas: replicas,
      max_msgs: -1,
      max_bytes: -1,
      max_msgs_per_subject: -1,
      max_msg_size: -1,
      max_age: 0,
      max_consumers: maxConsumers,
      duplicate_window: duplicateWindow,
      discard: "old",
      // Else a requester would take JetStream's receipt for the answer.
      no_ack: true,
      allow_direct: false,
      deny_delete: false,
      deny_purge: false,
    };
  }

  protected check(found: StreamConfig): void {
    this.duplicateWindow = Number(found["duplicate_window"] ?? 0);
    this.requireSame(found, ["retention", "storage", "max_msgs", "max_bytes", "max_msgs_per_subject", "no_ack"]);
    if (Number(found["max_age"] ?? 0) !== 0) this.wrong("max_age", found["max_age"], "0");
    this.requireUnset(found, ["mirror", "sources", "subject_transform"]);
    this.requireFalse(found, ["sealed", "deny_purge"]);
  }
}
