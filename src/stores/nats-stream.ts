import { sleep } from "../clock";
import { OstinatoError } from "../errors";
import {
  NoAnswer,
  describe,
  noPeers,
  noReplicas,
  notEnabled,
  notFound,
  readError,
  streamInUse,
  subjectsOverlap,
  writeError,
  type ApiError,
} from "./nats-errors";
import type { NatsLink } from "./nats-link";
import { checkServerVersion, endsDeletions } from "./nats-versions";

export interface StreamConfig {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly num_replicas?: number;
  readonly [setting: string]: unknown;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly created: string;
  readonly state: { readonly messages: number; readonly last_seq: number; readonly last_ts: string };
}

/** How often one that another process is making is looked for, and the milliseconds between two looks. */
const mostLooks = 10;
const lookEvery = 50;
/** So many times what a stream is is asked while an answer may come. */
const questions = 4;
/** A deletion has ended after so many milliseconds. */
const deletion = 1_000;
/** So long, in milliseconds, a cluster may lack the servers for the replicas before that counts as how it is set up. */
const forming = 5_000;

/** A stream that is made with every setting that our promises rest on, or checked for them. */
export abstract class NatsStream {
  private checking: Promise<StreamInfo> | undefined;
  /** When the stream that was seen last was made. */
  private created: string | undefined;
  protected known: StreamInfo | undefined;

  protected constructor(
    protected readonly link: NatsLink,
    /** What people are told that it is. */
    private readonly kind: string,
    readonly name: string,
  ) {}

  /** Resolves with what the stream was when it was made or checked; rejects with ERR_STORE_SETTINGS and the rest. */
  async ready(): Promise<StreamInfo> {
    await this.link.ready();
    if (this.known) return this.known;
    const checking = (this.checking ??= this.ensure());
    try {
      const info = await checking;
      // What was forgotten meanwhile is looked at again before the next use.
      if (this.checking === checking) this.known = info;
      return info;
    } finally {
      if (this.checking === checking) this.checking = undefined;
    }
  }

  /** Whether it can be used without waiting for `ready()`. */
  get isReady(): boolean {
    return this.known !== undefined;
  }

  /** It may be gone, or another one: look again before the next use. */
  forget(): void {
    this.known = undefined;
    this.checking = undefined;
  }

  /** What the stream is now; `undefined` if it is gone. */
  async info(): Promise<StreamInfo | undefined> {
    const answer = await this.ask();
    if (answer.error?.err_code === notFound.stream) return undefined;
    if (answer.error) throw readError(this.name, answer.error);
    return isMade(answer) ? this.seen(answer) : undefined;
  }

  /** The stream is another one than the one that was seen before: what was remembered of that one is to be forgotten. */
  protected renewed(): void {
    // A stream of which nothing is remembered.
  }

  protected abstract wanted(): StreamConfig;

  /** Rejects what would break a promise, by `wrong`. */
  protected abstract check(found: StreamConfig): void;

  /** What it means that it could not be made. */
  protected creationError(error: ApiError): OstinatoError {
    const text = `${this.name}: ${describe(error)}`;
    if (error.err_code === noReplicas || error.err_code === noPeers) {
      return new OstinatoError(
        "ERR_STORE_SETTINGS",
        `${text}; the cluster has too few servers for the replicas asked for`,
      );
    }
    if (notEnabled.has(error.err_code ?? 0)) {
      return new OstinatoError("ERR_STORE_SETTINGS", `${text}; enable JetStream for this account`);
    }
    return writeError(this.name, error);
  }

  protected wrong(setting: string, is: unknown, needed: string): never {
    throw new OstinatoError(
      "ERR_STORE_SETTINGS",
      `${this.kind} ${this.name}: ${setting} is ${JSON.stringify(is) ?? "unset"}, but must be ${needed}; ` +
        "correct the stream, or remove it to have it made anew",
    );
  }

  /** These settings must be as wanted. */
  protected requireSame(found: StreamConfig, settings: readonly string[]): void {
    const wanted = this.wanted();
    for (const setting of settings) {
      if (found[setting] !== wanted[setting]) this.wrong(setting, found[setting], JSON.stringify(wanted[setting]));
    }
    if (JSON.stringify([...(found.subjects ?? [])].sort()) !== JSON.stringify(wanted.subjects)) {
      this.wrong("subjects", found.subjects, JSON.stringify(wanted.subjects));
    }
    const replicas = wanted.num_replicas ?? 1;
    if ((found.num_replicas ?? 1) < replicas) {
      this.wrong("num_replicas", found.num_replicas, `at least ${String(replicas)}`);
    }
  }

  protected requireUnset(found: StreamConfig, settings: readonly string[]): void {
    for (const setting of settings) {
      const value = found[setting] ?? [];
      if (!(Array.isArray(value) && value.length === 0)) this.wrong(setting, value, "unset");
    }
  }

  protected requireFalse(found: StreamConfig, settings: readonly string[]): void {
    for (const setting of settings) if (found[setting] === true) this.wrong(setting, true, "false");
  }

  private seen(info: StreamInfo): StreamInfo {
    const isAnother = this.created !== undefined && this.created !== info.created;
    this.created = info.created;
    if (isAnother) this.renewed();
    return info;
  }

  private async ensure(): Promise<StreamInfo> {
    try {
      const info = (await this.info()) ?? (await this.make());
      checkServerVersion(this.link.serverVersion, info.config.num_replicas ?? 1);
      this.check(info.config);
      return info;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (error.silence !== "no responders") throw readError(this.name, error);
      throw new OstinatoError(
        "ERR_STORE_UNAVAILABLE",
        `${this.name}: nobody answers for JetStream: it is not enabled (start nats-server with -js) or not ready yet`,
        { cause: error },
      );
    }
  }

  /** Nobody answers while the stream has no leader, not even once it has one: the question is put again meanwhile. */
  private ask(): Promise<StreamInfo & { readonly error?: ApiError }> {
    const { clock, requestTimeout } = this.link.settings;
    const put = () => this.link.api<StreamInfo>(`STREAM.INFO.${this.name}`);
    const over = new AbortController();
    return new Promise<StreamInfo & { readonly error?: ApiError }>((resolve, reject) => {
      const again = async () => {
        for (;;) {
          await sleep(clock, requestTimeout / questions, over.signal);
          if (over.signal.aborted) return;
          put().then(resolve, () => undefined);
        }
      };
      put().then(resolve, reject);
      void again();
    }).finally(() => {
      over.abort();
    });
  }

  private async make(): Promise<StreamInfo> {
    if (this.created !== undefined && !endsDeletions(this.link.serverVersion)) {
      await sleep(this.link.settings.clock, deletion);
      const info = await this.info();
      if (info) return info;
    }
    return this.create();
  }

  private async create(): Promise<StreamInfo> {
    const { clock } = this.link.settings;
    const deadline = clock.monotonic() + forming;
    for (;;) {
      const { error, ...made } = await this.link.api<StreamInfo>(`STREAM.CREATE.${this.name}`, this.wanted());
      if (!error && isMade(made)) return this.seen(made);
      // Another process was first, with settings that the check will judge. While it is being made, only its subjects show.
      if (!error || error.err_code === subjectsOverlap || error.err_code === streamInUse)
        return this.madeByAnother(error);
      // Servers that have just been started, or one of them anew, have not all heard of each other yet.
      if (error.err_code !== noPeers || clock.monotonic() >= deadline) throw this.creationError(error);
      await sleep(clock, lookEvery);
    }
  }

  private async madeByAnother(error: ApiError | undefined): Promise<StreamInfo> {
    const { clock } = this.link.settings;
    for (let look = 1; look <= mostLooks; look += 1) {
      const info = await this.info();
      if (info) return info;
      await sleep(clock, lookEvery);
    }
    if (error) throw this.creationError(error);
    throw new OstinatoError("ERR_STORE_UNAVAILABLE", `${this.name}: the server is still making it`);
  }
}

/** 2.9.10 shows a stream before it is made: it has no date then. */
const isMade = ({ created }: StreamInfo): boolean => Date.parse(created) > 0;
