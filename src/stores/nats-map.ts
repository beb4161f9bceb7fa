import type { Msg } from "nats";
import { sleep } from "../clock";
import { OstinatoError, toError } from "../errors";
import { systemRandom } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";
import type { Entry, Renewal, RevisionMap, Watch, WatchListener, Written } from "../store";
import { keyError } from "./arguments";
import { encodeKey } from "./keys";
import { NatsBucket } from "./nats-bucket";
import { isConflict, mayBeSpurious, NoAnswer, notFound, readError, writeError, type ApiError } from "./nats-errors";
import type { NatsLink } from "./nats-link";
import { NatsMarks } from "./nats-marks";
import { markHeaders, storedValue, valueHeaders, type StoredMessage } from "./nats-records";
import { NatsWatch } from "./nats-watch";

const attempts = 8;
const retry = parseRetry("retry", { initialDelay: 5, maxDelay: 80, jitter: 0.5 });

type Attempt = { readonly revision: number } | { readonly conflict: ApiError };
interface Stored {
  readonly revision: number;
  readonly value: string | undefined;
}

/** One map of a NATS store: a bucket's stream, read from its leader and written by compare-and-swap alone. */
export class NatsMap implements RevisionMap {
  readonly bucket: NatsBucket;
  private readonly marks: NatsMarks;
  private readonly watches = new Set<NatsWatch>();

  constructor(
    private readonly link: NatsLink,
    name: string,
    onRenewal: (renewal: Renewal) => void = () => undefined,
  ) {
    this.bucket = new NatsBucket(link, name, () => {
      this.marks.forget();
      onRenewal({ bucket: this.bucket.name, how: "recreated" });
      for (const watch of this.watches) watch.refresh();
    });
    this.marks = new NatsMarks(link, this.bucket.name);
  }

  async get(key: string): Promise<Entry | undefined> {
    await this.prepare(key);
    const stored = await this.read(key);
    return stored?.value === undefined ? undefined : { key, value: stored.value, revision: stored.revision };
  }

  async create(key: string, value: string): Promise<Written> {
    await this.prepare(key);
    let revision = 0;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.put(key, value, revision);
      if ("revision" in answer) return { ok: true, revision: answer.revision };
      const stored = await this.read(key);
      if (stored?.value !== undefined) return { ok: false };
      await this.pause(key, attempt);
      revision = stored?.revision ?? 0;
    }
  }

  update(key: string, value: string, revision: number): Promise<Written> {
    return this.replace(key, revision, () => this.put(key, value, revision));
  }

  async delete(key: string, revision: number): Promise<Written> {
    const written = await this.replace(key, revision, () => this.mark(key, revision));
    if (written.ok) {
      this.marks.remember(written.revision);
      if (!this.bucket.expiresMarks) this.marks.removeLater(written.revision);
    }
    return written;
  }

  async *list(prefix: string): AsyncGenerator<Entry> {
    this.link.assertOpen();
    await this.link.ready();
    const found = new Map<string, Entry>();
    let watch: NatsWatch | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const listener: WatchListener = {
          change: ({ key, value, revision }) => {
            if (value === undefined) found.delete(key);
            else found.set(key, { key, value, revision });
          },
          current: resolve,
          doubt: () => {
            found.clear();
          },
        };
        watch = this.begin(prefix, listener, reject);
      });
    } finally {
      await watch?.close();
    }
    yield* found.values();
  }

  watch(prefix: string, listener: WatchListener): Watch {
    this.link.assertOpen();
    return this.begin(prefix, listener, (error) => {
      const { code } = error as { code?: string };
      if (code === "ERR_STORE_PERMISSION" || code === "ERR_STORE_SETTINGS") listener.failed?.(error);
    });
  }

  async end(): Promise<void> {
    this.marks.stop();
    await Promise.all([...this.watches].map((watch) => watch.close()));
    this.watches.clear();
    this.bucket.forget();
  }

  private begin(prefix: string, listener: WatchListener, tell: (error: Error) => void): NatsWatch {
    this.marks.resume();
    const failed = (error: unknown) => {
      tell(error instanceof NoAnswer ? readError(`watch on ${this.bucket.name}`, error) : toError(error));
    };
    const watch = new NatsWatch(this.link, this.bucket, this.marks, prefix, listener, failed);
    this.watches.add(watch);
    watch.onClose(() => this.watches.delete(watch));
    return watch;
  }

  private async prepare(key: string): Promise<void> {
    const wrong = keyError(key);
    if (wrong) throw wrong;
    this.link.assertOpen();
    if (!this.bucket.isReady) await this.bucket.ready();
  }

  /** An update or a deletion at a revision, tried again only where the refusal may have been a false one. */
  private async replace(key: string, revision: number, write: () => Promise<Attempt>): Promise<Written> {
    await this.prepare(key);
    if (!Number.isSafeInteger(revision) || revision < 1) return { ok: false };
    if (this.marks.has(revision) && !(await this.isLive(key, revision))) return { ok: false };
    for (let attempt = 1; ; attempt += 1) {
      const answer = await write();
      if ("revision" in answer) return { ok: true, revision: answer.revision };
      if (!mayBeSpurious(answer.conflict, revision)) return { ok: false };
      const stored = await this.read(key);
      if (stored?.revision !== revision || stored.value === undefined) return { ok: false };
      await this.pause(key, attempt);
    }
  }

  /** What is remembered of a stream may be of a former one: the stream itself decides. */
  private async isLive(key: string, revision: number): Promise<boolean> {
    const stored = await this.read(key);
    if (stored?.revision !== revision || stored.value === undefined) return false;
    this.marks.forget(revision);
    return true;
  }

  private put(key: string, value: string, revision: number): Promise<Attempt> {
    const encoded = encodeKey(key);
    return this.write(encoded, value, valueHeaders(encoded, key, revision));
  }

  private mark(key: string, revision: number): Promise<Attempt> {
    const encoded = encodeKey(key);
    return this.write(encoded, "", markHeaders(encoded, key, revision, this.bucket.expiresMarks));
  }

  private async write(encoded: string, value: string, headers: ReturnType<typeof valueHeaders>): Promise<Attempt> {
    let answer: { seq?: number; error?: ApiError };
    try {
      const message = await this.ask(() => this.link.request(this.bucket.subjects + encoded, value, headers));
      answer = JSON.parse(Buffer.from(message.data).toString("utf8")) as typeof answer;
    } catch (error) {
      throw error instanceof NoAnswer ? writeError(this.bucket.name, error) : error;
    }
    if (answer.error && isConflict(answer.error)) return { conflict: answer.error };
    if (answer.error) throw writeError(this.bucket.name, answer.error);
    return { revision: answer.seq ?? 0 };
  }

  /**
   * Asks again while nobody answers, for as long as an answer may take: for a moment nobody does when a leader has gone,
   * or in a cluster whose servers have not all heard of a new stream. What nobody got has changed nothing.
   */
  private async ask(send: () => Promise<Msg>): Promise<Msg> {
    const { clock, requestTimeout } = this.link.settings;
    const deadline = clock.monotonic() + requestTimeout;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        const nobody = error instanceof NoAnswer && error.silence === "no responders";
        if (!nobody) throw error;
        this.bucket.forget();
        const delay = backoffDelay(retry, attempt, systemRandom());
        if (clock.monotonic() + delay >= deadline) throw error;
        await sleep(clock, delay);
        await this.bucket.ready();
      }
    }
  }

  /** The key's last message as the stream's leader holds it, a deletion's mark included. */
  private async read(key: string): Promise<Stored | undefined> {
    const subject = this.bucket.subjects + encodeKey(key);
    try {
      const action = `STREAM.MSG.GET.${this.bucket.name}`;
      const { message, error } = await this.link.api<{ message?: StoredMessage }>(action, { last_by_subj: subject });
      if (error?.err_code === notFound.message) return undefined;
      if (error?.err_code === notFound.stream) this.bucket.forget();
      if (error) throw readError(this.bucket.name, error);
      if (!message) return undefined;
      const value = storedValue(message);
      if (value === undefined) this.marks.remember(message.seq);
      return { revision: message.seq, value };
    } catch (error) {
      throw error instanceof NoAnswer ? readError(this.bucket.name, error) : error;
    }
  }

  private async pause(key: string, attempt: number): Promise<void> {
    if (attempt === attempts) {
      throw new OstinatoError(
        "ERR_STORE_UNAVAILABLE",
        `${this.bucket.name}: the server keeps refusing to write ${key}`,
      );
    }
    if (attempt === 1) return;
    await sleep(this.link.settings.clock, backoffDelay(retry, attempt - 1, systemRandom()));
  }
}
