import { OstinatoError } from "../errors";
import { creationError, type StreamInfo } from "./nats-bucket";
import { NoAnswer, notFound, readError, streamInUse, writeError } from "./nats-errors";
import type { NatsLink } from "./nats-link";
import { checkServerVersion } from "./nats-versions";

/** One reads at a time; the rest is room for those that were abandoned and not yet forgotten. */
const maxConsumers = 100;
/** Nanoseconds, the least that servers take: a producer's message ids are none of our business. */
const duplicateWindow = 100_000_000;
const subjectsOverlap = 10065;

/** The stream that keeps what producers publish for one queue: made with every setting that matters, or checked for them. */
export class NatsIntakeStream {
  readonly name: string;
  /** What comes before the kind of a message in its subject. */
  readonly subjects: string;
  private checking: Promise<StreamInfo> | undefined;
  private known: StreamInfo | undefined;
  private complaint: string | undefined;

  constructor(
    private readonly link: NatsLink,
    queue: string,
  ) {
    const { namespace } = link.settings;
    this.name = `${namespace}_${queue}_intake`;
    this.subjects = `${namespace}.${queue}.`;
  }

  /** Rejects with ERR_STORE_SETTINGS and what a write rejects with. */
  async ready(): Promise<StreamInfo> {
    await this.link.ready();
    if (this.known) return this.known;
    this.checking ??= this.ensure().finally(() => (this.checking = undefined));
    return (this.known = await this.checking);
  }

  /** What it is, its settings checked; undefined where there is none. Makes nothing. */
  async examine(): Promise<StreamInfo | undefined> {
    const info = await this.info();
    if (info) this.check(info.config);
    return info;
  }

  /** It may be gone, or another one: look again before the next use. */
  forget(): void {
    this.known = undefined;
  }

  /** Nobody else hears why nothing comes of it, or no answer goes out. */
  complain(reason: string): void {
    if (this.complaint === reason) return;
    this.complaint = reason;
    process.emitWarning(`${this.name}: ${reason}`, { code: "OSTINATO_NATS_INTAKE" });
  }

  private async ensure(): Promise<StreamInfo> {
    try {
      const info = (await this.info()) ?? (await this.create());
      checkServerVersion(this.link.serverVersion, Number(info.config["num_replicas"] ?? 1));
      this.check(info.config);
      return info;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (error.silence !== "no responders") throw writeError(this.name, error);
      throw new OstinatoError(
        "ERR_STORE_UNAVAILABLE",
        `${this.name}: nobody answers for JetStream: it is not enabled (start nats-server with -js) or not ready yet`,
        { cause: error },
      );
    }
  }

  private async info(): Promise<StreamInfo | undefined> {
    const answer = await this.link.api<StreamInfo>(`STREAM.INFO.${this.name}`);
    if (answer.error?.err_code === notFound.stream) return undefined;
    if (answer.error) throw readError(this.name, answer.error);
    return answer;
  }

  private async create(): Promise<StreamInfo> {
    const answer = await this.link.api<StreamInfo>(`STREAM.CREATE.${this.name}`, this.wanted());
    if (!answer.error) return answer;
    if (answer.error.err_code === subjectsOverlap) {
      throw new OstinatoError(
        "ERR_STORE_SETTINGS",
        `${this.name}: another stream has ${this.subjects}assign or ${this.subjects}remove among its subjects; ` +
          "take them out of it, or choose another namespace",
      );
    }
    // Another process was first, with settings that the check will judge.
    const other = answer.error.err_code === streamInUse ? await this.info() : undefined;
    if (other) return other;
    throw creationError(this.name, answer.error);
  }

  private wanted() {
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

  private check(found: StreamInfo["config"]): void {
    const wrong = (setting: string, is: unknown, needed: string): never => {
      throw new OstinatoError(
        "ERR_STORE_SETTINGS",
        `stream ${this.name}: ${setting} is ${JSON.stringify(is) ?? "unset"}, but must be ${needed}; ` +
          "correct the stream, or remove it to have it made anew",
      );
    };
    const wanted = this.wanted();
    for (const setting of [
      "retention",
      "storage",
      "max_msgs",
      "max_bytes",
      "max_msgs_per_subject",
      "no_ack",
    ] as const) {
      if (found[setting] !== wanted[setting]) wrong(setting, found[setting], JSON.stringify(wanted[setting]));
    }
    if (Number(found["max_age"] ?? 0) !== 0) wrong("max_age", found["max_age"], "0");
    if (JSON.stringify([...(found.subjects ?? [])].sort()) !== JSON.stringify(wanted.subjects)) {
      wrong("subjects", found.subjects, JSON.stringify(wanted.subjects));
    }
    for (const setting of ["mirror", "sources", "subject_transform"]) {
      const value = found[setting] ?? [];
      if (!(Array.isArray(value) && value.length === 0)) wrong(setting, value, "unset");
    }
    for (const setting of ["sealed", "deny_purge"]) {
      if (found[setting] === true) wrong(setting, true, "false");
    }
    if (Number(found["num_replicas"] ?? 1) < wanted.num_replicas) {
      wrong("num_replicas", found["num_replicas"], `at least ${String(wanted.num_replicas)}`);
    }
  }
}
