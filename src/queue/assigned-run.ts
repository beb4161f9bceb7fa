import { sleep } from "../clock";
import { contention } from "../cluster/contention";
import { toError } from "../errors";
import { randomId } from "../identity";
import { afterRun, following, isPoison, isSkipped, type Completion, type GivenUp } from "../rules/completion";
import { fencingToken } from "../rules/lease";
import { readQueueRecord, wakeAt, type QueueRecord } from "../rules/queue-record";
import type { Entry } from "../store";
import type { Host } from "../supervision/host";
import { resultOf, startRun, type RunEnd } from "../supervision/run";
import { abortContext, contextFor, type RunContext } from "../supervision/run-context";
import type { Task } from "../task";
import { letterOf } from "./dead-letters";
import type { QueueSettings } from "./options";
import type { OwnedPartition } from "./owned-partition";
import { applySchema } from "./schema";
import { writeSurely } from "./sure-write";

/** A task that was found due. */
export interface Job {
  readonly key: string;
  /** The revision that was found due. */
  readonly revision: number;
  /** Its record, if that is still at hand. */
  readonly value: string | undefined;
  readonly partition: OwnedPartition;
}

/** Where a task stands when a worker is done with it. */
export type Standing =
  | { readonly is: "waiting"; readonly record: QueueRecord; readonly value: string; readonly revision: number }
  | { readonly is: "gone"; readonly revision: number }
  /** To be read anew, after a while where that is why it could not be read. */
  | { readonly is: "unknown"; readonly pause: boolean }
  /** The partition is not ours any more. */
  | { readonly is: "left" };

export interface RunServices {
  readonly settings: QueueSettings;
  readonly host: Host;
  /** A letter was written, or a run ended. */
  readonly onGivenUp: (record: QueueRecord, reason: GivenUp, error: Error | undefined) => void;
  /** Nothing that needs a store which does not answer is waited for any more. */
  readonly isStopping: () => boolean;
}

export interface Claim {
  readonly attempt: number;
  readonly fencingToken: number;
  readonly lateBy: number;
}

const firstPause = 50;
const longestPause = 250;
const left: Standing = { is: "left" };

/** One look at a task that is due: claim it, run it, record what becomes of it, each by one conditional write. */
export class AssignedRun {
  readonly id: string;
  readonly job: Job;
  /** Where the task stands, once the claim was passed up or the end is recorded. */
  standing: Standing = left;
  readonly #services: RunServices;
  #record: QueueRecord | undefined;
  #revision = 0;
  #payload: unknown;
  #context: RunContext | undefined;
  #aborted: Error | undefined;
  #startedAt = 0;
  #end: RunEnd = { outcome: "aborted" };
  #isLettered = false;
  /** Of the letter, where no claim names the run. */
  #letterId: string | undefined;

  constructor(job: Job, services: RunServices) {
    this.job = job;
    this.#services = services;
    this.id = job.key.slice(job.key.indexOf(".") + 1);
  }

  /** Resolves to undefined when there is nothing to run; `standing` says why. Never rejects. */
  async claim(): Promise<Claim | undefined> {
    try {
      return await this.#claim();
    } catch (error) {
      this.#warn(error, "the record of an assigned task is out of reach");
      this.standing = { is: "unknown", pause: true };
      return undefined;
    }
  }

  /** Runs what was claimed. `onEnd` is called once, whatever the function does. */
  run(onEnd: (end: RunEnd) => void): void {
    const { settings, host } = this.#services;
    const record = this.#record as QueueRecord;
    const context = (this.#context = contextFor(
      host,
      record.id,
      { attempt: record.attempt, runId: record.run?.id ?? "", tick: record.due, startedAt: this.#startedAt },
      this.#token(),
      () => undefined,
    ));
    if (this.#aborted !== undefined) abortContext(context, this.#aborted);
    const task: Task = () => settings.run?.(this.#payload, context);
    startRun({
      task,
      context,
      timeout: settings.timeout,
      clock: host.clock,
      onTimeout: () => undefined,
      onSettled: (end) => {
        this.#end = end;
        onEnd(end);
      },
    });
  }

  /** Tries to write down what becomes of the task; whether that is settled. Never rejects. */
  async finish(): Promise<boolean> {
    if (!this.job.partition.lease.valid()) return true;
    try {
      this.standing = await this.#complete();
      return true;
    } catch (error) {
      this.#warn(error, "the end of a run cannot be written down at the moment: it is tried again");
      return false;
    }
  }

  /**
   * The same again and again while the store does not answer, also when the partition has been lost by that: the run is
   * over, and as long as its claim stands nobody has begun another (`I13`). Never rejects.
   */
  async finishLate(): Promise<void> {
    const { partition } = this.job;
    const { lease } = partition;
    const { isStopping, host } = this.#services;
    partition.unwritten += 1;
    for (let pause = firstPause; lease.valid() || !isStopping(); pause = Math.min(2 * pause, longestPause)) {
      await sleep(host.clock, pause);
      try {
        if (lease.valid() || (await this.#isStillClaimed())) this.standing = await this.#complete();
        break;
      } catch {
        // Tried again.
      }
    }
    partition.unwritten -= 1;
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    if (this.#context !== undefined) abortContext(this.#context, reason);
  }

  #warn(error: unknown, text: string): void {
    const { host, settings } = this.#services;
    host.logger.warn({ err: toError(error), queue: settings.name, task: this.id }, text);
  }

  get #mayGoOn(): boolean {
    return this.#aborted === undefined && this.job.partition.lease.valid();
  }

  async #claim(): Promise<Claim | undefined> {
    const { job } = this;
    const { settings, host } = this.#services;
    const { map } = job.partition.shard.tasks;
    const entry: Entry | undefined =
      job.value === undefined ? await map.get(job.key) : { key: job.key, value: job.value, revision: job.revision };
    if (!this.#mayGoOn) return this.#pass(left);
    if (entry === undefined) return this.#pass({ is: "gone", revision: job.revision });
    const record = readQueueRecord(entry.value);
    // A record of a newer version, or none of ours, is left alone.
    if (record === undefined) return this.#pass({ is: "gone", revision: entry.revision });
    const now = host.clock.now();
    if (wakeAt(record) > now) return this.#pass({ is: "waiting", record, ...entry });
    this.#record = record;
    this.#revision = entry.revision;
    this.#startedAt = now;
    if (isSkipped(record, now, settings.misfire)) return this.#passOn({ record: following(record, now, "once") });
    if (isPoison(record, settings.retry)) {
      const died = `the processes that ran it died, ${String(record.attempt)} times`;
      this.#end = { outcome: "failed", error: new Error(died) };
      return this.#passOn({ record: following(record, now, settings.misfire), givenUp: "crashed" });
    }
    try {
      this.#payload = await applySchema(settings.schema, record.payload);
    } catch (thrown) {
      this.#end = { outcome: "discarded", error: toError(thrown) };
      return this.#passOn({ record: following(record, now, settings.misfire), givenUp: "discarded" });
    }
    if (!this.#mayGoOn) return this.#pass(left);
    return this.#take(record, entry.revision, now);
  }

  async #take(record: QueueRecord, revision: number, now: number): Promise<Claim | undefined> {
    const { settings, host } = this.#services;
    const claimed: QueueRecord = { ...record, attempt: record.attempt + 1 };
    delete claimed.retryAt;
    this.#record = claimed;
    if (settings.claim) {
      claimed.run = { id: host.newRunId(), owner: this.job.partition.lease.token ?? 0, node: host.nodeId };
      const { map } = this.job.partition.shard.tasks;
      const written = await writeSurely(map, this.job.key, JSON.stringify(claimed), revision);
      if (!written.ok) return this.#pass({ is: "unknown", pause: false });
      this.#revision = written.revision;
    }
    if (!this.#mayGoOn) {
      // Claimed, and not to be run here: the claim is undone.
      this.#end = { outcome: "aborted" };
      if (!(await this.finish())) await this.finishLate();
      return undefined;
    }
    return { attempt: claimed.attempt, fencingToken: this.#token(), lateBy: Math.max(0, now - record.due) };
  }

  async #isStillClaimed(): Promise<boolean> {
    const { key, partition } = this.job;
    const entry = await partition.shard.tasks.map.get(key);
    const run = this.#record?.run;
    if (entry === undefined || run === undefined) return entry?.revision === this.#revision;
    return readQueueRecord(entry.value)?.run?.id === run.id;
  }

  #pass(standing: Standing): undefined {
    this.standing = standing;
    return undefined;
  }

  /** Goes on without having been run. */
  async #passOn(completion: Completion): Promise<undefined> {
    this.standing = await this.#write(this.#record as QueueRecord, completion);
    return undefined;
  }

  #complete(): Promise<Standing> {
    const { settings, host } = this.#services;
    const record = this.#record as QueueRecord;
    const times = { startedAt: this.#startedAt, now: host.clock.now() };
    const rule = { retry: settings.retry, misfire: settings.misfire, random: host.random() };
    return this.#write(record, afterRun(record, resultOf(this.#end), times, rule));
  }

  async #write(record: QueueRecord, { record: next, givenUp }: Completion): Promise<Standing> {
    const { host, onGivenUp } = this.#services;
    const { shard } = this.job.partition;
    const { map } = shard.tasks;
    if (givenUp !== undefined && !this.#isLettered) {
      const { error } = this.#end;
      const at = this.#startedAt;
      const id = record.run?.id ?? (this.#letterId ??= randomId());
      await shard.deadLetters.add(letterOf(record, givenUp, error, { at, node: host.nodeId }), { since: at, id });
      this.#isLettered = true;
      onGivenUp(record, givenUp, error);
    }
    let value = next === undefined ? undefined : JSON.stringify(next);
    let revision = this.#revision;
    for (const conflict = contention(host.clock); ; await conflict()) {
      const written = await writeSurely(map, this.job.key, value, revision);
      if (written.ok) {
        return next === undefined || value === undefined
          ? { is: "gone", revision: written.revision }
          : { is: "waiting", record: next, value, revision: written.revision };
      }
      // Removed meanwhile: nothing is written back (`I2`). Assigned meanwhile: the newer definition is kept (`I1`).
      const { entry } = written;
      if (entry === undefined) return { is: "gone", revision };
      const newer = readQueueRecord(entry.value);
      if (newer === undefined || newer.run === undefined || newer.run.id !== record.run?.id) {
        return newer === undefined ? { is: "gone", revision } : { is: "waiting", record: newer, ...entry };
      }
      next = { ...newer, attempt: 0 };
      delete next.run;
      value = JSON.stringify(next);
      revision = entry.revision;
    }
  }

  #token(): number {
    const { lease, shard } = this.job.partition;
    return this.#services.settings.claim ? fencingToken(shard.tasks.epoch(), this.#revision) : (lease.token ?? 0);
  }
}
