import { OstinatoError } from "../errors";
import { NoAnswer, describe, notFound, readError, streamInUse, writeError, type ApiError } from "./nats-errors";
import type { NatsLink } from "./nats-link";
import { checkServerVersion, supportsMessageTtl } from "./nats-versions";

interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly [setting: string]: unknown;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly created: string;
  readonly state: { readonly last_seq: number; readonly last_ts: string };
}

/** The smallest message that a bucket must take: values go up to 512 KiB. */
const smallestMaximum = 600 * 1024;
/** Servers from 2.15 allow 1,000 unless told; each watch is one. */
const maxConsumers = 5000;

/** The stream behind one map: made with every setting that our promises rest on, or checked for them. */
export class NatsBucket {
  readonly stream: string;
  readonly subjects: string;
  private checking: Promise<StreamInfo> | undefined;
  private known: StreamInfo | undefined;

  constructor(
    private readonly link: NatsLink,
    map: string,
  ) {
    // What was checked on one server may not hold for the next, or for a stream that was restored meanwhile.
    link.onReturn(() => {
      this.forget();
    });
    const bucket = `${link.settings.namespace}_${map}`;
    this.stream = `KV_${bucket}`;
    this.subjects = `$KV.${bucket}.`;
  }

  /** Resolves with what the stream was when it was made or checked; rejects with ERR_STORE_SETTINGS and the rest. */
  async ready(): Promise<StreamInfo> {
    await this.link.ready();
    if (this.known) return this.known;
    this.checking ??= this.ensure().finally(() => (this.checking = undefined));
    return (this.known = await this.checking);
  }

  /** Whether it can be used without waiting for `ready()`. */
  get isReady(): boolean {
    return this.known !== undefined;
  }

  /** The stream seems to be gone or another one: look again before the next use. */
  forget(): void {
    this.known = undefined;
  }

  /** What the stream is now; `undefined` if it is gone. */
  async info(): Promise<StreamInfo | undefined> {
    const answer = await this.link.api<StreamInfo>(`STREAM.INFO.${this.stream}`);
    if (answer.error?.err_code === notFound.stream) return undefined;
    if (answer.error) throw readError(this.stream, answer.error);
    return answer;
  }

  /** Whether the server removes deletion marks by itself when their time is over. */
  get expiresMarks(): boolean {
    return this.known?.config["allow_msg_ttl"] === true && supportsMessageTtl(this.link.serverVersion);
  }

  private async ensure(): Promise<StreamInfo> {
    try {
      const info = (await this.info()) ?? (await this.create());
      checkServerVersion(this.link.serverVersion, Number(info.config["num_replicas"] ?? 1));
      this.check(info.config);
      return info;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (error.silence !== "no responders") throw writeError(this.stream, error);
      throw new OstinatoError(
        "ERR_STORE_UNAVAILABLE",
        `${this.stream}: nobody answers for JetStream: it is not enabled (start nats-server with -js) or not ready yet`,
        { cause: error },
      );
    }
  }

  private async create(): Promise<StreamInfo> {
    const answer = await this.link.api<StreamInfo>(`STREAM.CREATE.${this.stream}`, this.wanted());
    if (!answer.error) return answer;
    // Another process was first, with settings that the check will judge.
    const other = answer.error.err_code === streamInUse ? await this.info() : undefined;
    if (other) return other;
    throw creationError(this.stream, answer.error);
  }

  private wanted(): StreamConfig {
    const { storage, replicas } = this.link.settings;
    return {
      name: this.stream,
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

  private check(found: StreamConfig): void {
    const wrong = (setting: string, is: unknown, needed: string): never => {
      throw new OstinatoError(
        "ERR_STORE_SETTINGS",
        `bucket ${this.stream}: ${setting} is ${JSON.stringify(is) ?? "unset"}, but must be ${needed}; ` +
          "correct the stream, or remove it to have it made anew",
      );
    };
    const wanted = this.wanted();
    for (const setting of ["retention", "storage", "max_msgs_per_subject", "max_age", "discard", "allow_rollup_hdrs"]) {
      if (found[setting] !== wanted[setting]) wrong(setting, found[setting], JSON.stringify(wanted[setting]));
    }
    if (JSON.stringify(found.subjects) !== JSON.stringify(wanted.subjects)) {
      wrong("subjects", found.subjects, JSON.stringify(wanted.subjects));
    }
    for (const setting of ["mirror", "sources", "subject_transform", "republish"]) {
      const value = found[setting];
      if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0))
        wrong(setting, value, "unset");
    }
    if (found["sealed"] === true) wrong("sealed", true, "false");
    if (found["no_ack"] === true) wrong("no_ack", true, "false");
    const { replicas } = this.link.settings;
    if (Number(found["num_replicas"] ?? 1) < replicas)
      wrong("num_replicas", found["num_replicas"], `at least ${String(replicas)}`);
    const size = Number(found["max_msg_size"] ?? -1);
    if (size !== -1 && size < smallestMaximum)
      wrong("max_msg_size", size, `-1, or at least ${String(smallestMaximum)}`);
  }
}

/** What it means that a stream could not be made. */
export function creationError(stream: string, error: ApiError): OstinatoError {
  const text = `${stream}: ${describe(error)}`;
  if (error.err_code === 10074 || error.err_code === 10005) {
    return new OstinatoError(
      "ERR_STORE_SETTINGS",
      `${text}; the cluster has too few servers for the replicas asked for`,
    );
  }
  if (error.err_code === 10039 || error.err_code === 10076) {
    return new OstinatoError("ERR_STORE_SETTINGS", `${text}; enable JetStream for this account`);
  }
  return writeError(stream, error);
}
