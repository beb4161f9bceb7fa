import { sleep } from "../clock";
import { toError } from "../errors";
import { afterRun, released, type Completion } from "../rules/completion";
import { fencingToken } from "../rules/lease";
import { readQueueRecord, type QueueRecord } from "../rules/queue-record";
import { outlasting } from "../rules/suspects";
import type { Entry } from "../store";
import { resultOf, startRun, type RunEnd } from "../supervision/run";
import { abortContext, contextFor, type RunContext } from "../supervision/run-context";
import type { Task } from "../task";
import { decideClaim, givenUp } from "./claim-decision";
import type { Claim, Job, RunServices, Standing } from "./job";
import { applySchema } from "./schema";
import { fitting, isRefusal, isTooLarge, Settlement } from "./settlement";
import { writeSurely } from "./sure-write";

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
  /** Writes into the record while it runs; the end is written after them. */
  #marks: Promise<void> = Promise.resolve();
  #hasEnded = false;
  readonly #settlement: Settlement;

  constructor(job: Job, services: RunServices) {
    this.job = job;
    this.#services = services;
    this.#settlement = new Settlement({ shard: job.partition.shard, key: job.key, services });
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
    const { settings, host, overruns } = this.#services;
    const record = this.#record as QueueRecord;
    overruns.began(this.job.key, record);
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
        overruns.ended(this.job.key);
        this.#end = end;
        onEnd(end);
      },
    });
  }

  /** Tries to write down what becomes of the task; whether that is settled. Never rejects. */
  async finish(): Promise<boolean> {
    this.#hasEnded = true;
    const isOurs = this.job.partition.lease.valid();
    try {
      await this.#marks;
      // Whose lease was lost still says that it has ended, unless somebody else has begun it.
      if (!isOurs && !(this.#services.settings.claim && (await this.#isStillClaimed()))) return true;
      const standing = await this.#complete();
      if (isOurs) this.standing = standing;
      return true;
    } catch (error) {
      if (!isOurs) return true;
      if (isRefusal(error)) return this.#refused(error);
      this.#warn(error, "the end of a run cannot be written down at the moment: it is tried again");
      return false;
    }
  }

  /** A suspect: others begin beside it from now on. Resolves when that is written down, or cannot be. */
  outlast(): Promise<void> {
    return this.#mark(outlasting);
  }

  /** The process stops and waits for it no longer. Resolves as `outlast` does. */
  leave(): Promise<void> {
    return this.#mark((record) => (record.run ? { ...record, run: { ...record.run, left: true } } : record));
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
      } catch (error) {
        if (isRefusal(error) && this.#refused(error)) break;
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

  /** The store will not take it: the task is looked at again after a pause, and holds up nothing meanwhile. */
  #refused(error: unknown): true {
    const { host, settings } = this.#services;
    const err = toError(error);
    const about = { event: "UNWRITTEN", queue: settings.name, task: this.id, err };
    host.logger.error(about, `the store refuses the end of a run: ${err.message}`);
    this.standing = { is: "unknown", pause: true };
    return true;
  }

  #mark(change: (record: QueueRecord) => QueueRecord): Promise<void> {
    const { key, partition } = this.job;
    return (this.#marks = this.#marks.then(async () => {
      const record = this.#record;
      if (this.#hasEnded || record?.run === undefined) return;
      try {
        const next = change(record);
        const written = await writeSurely(partition.shard.tasks.map, key, JSON.stringify(next), this.#revision);
        if (!written.ok) return;
        this.#record = next;
        this.#revision = written.revision;
      } catch (error) {
        this.#warn(error, "how a run stands cannot be written down");
      }
    }));
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
    this.#revision = entry.revision;
    this.#startedAt = now;
    const decision = decideClaim(record, entry, job, this.#services);
    if (decision.is === "passed") return this.#pass(decision.standing);
    this.#record = decision.record;
    if (decision.is === "written" && decision.retimed === true) this.#services.onRetimed(record);
    if (decision.is === "written") return this.#passOn(decision.completion, decision.error);
    try {
      this.#payload = await applySchema(settings.schema, record.payload);
    } catch (thrown) {
      return this.#discard(toError(thrown));
    }
    if (!this.#mayGoOn) return this.#pass(left);
    return this.#take(decision.record, entry.revision, now);
  }

  #discard(error: Error): Promise<undefined> {
    const record = this.#record as QueueRecord;
    return this.#passOn(givenUp(record, "discarded", this.#startedAt, this.#services), error);
  }

  async #take(record: QueueRecord, revision: number, now: number): Promise<Claim | undefined> {
    const { settings, host, signs } = this.#services;
    const { partition, group } = this.job;
    const claimed: QueueRecord = { ...record, attempt: record.attempt + 1 };
    delete claimed.retryAt;
    this.#record = claimed;
    if (settings.claim) {
      claimed.run = {
        ...{ id: host.newRunId(), owner: partition.lease.token ?? 0, node: host.nodeId, by: signs.self, at: now },
        ...(group === undefined ? {} : { group }),
      };
      const write = (each: QueueRecord): ReturnType<typeof writeSurely> =>
        writeSurely(partition.shard.tasks.map, this.job.key, JSON.stringify(each), revision);
      try {
        const written = await fitting(claimed, write);
        if (!written.ok) return this.#pass({ is: "unknown", pause: false });
        this.#revision = written.revision;
      } catch (error) {
        if (!isTooLarge(error)) throw error;
        this.#record = record;
        return this.#discard(toError(error));
      }
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
  async #passOn(completion: Completion, error?: Error): Promise<undefined> {
    this.#end = { outcome: "discarded", ...(error === undefined ? {} : { error }) };
    this.standing = await this.#write(this.#record as QueueRecord, completion);
    return undefined;
  }

  #complete(): Promise<Standing> {
    const { settings, host } = this.#services;
    const record = this.#record as QueueRecord;
    const place = { startedAt: this.#startedAt, now: host.clock.now(), node: host.nodeId };
    // Nothing has been tried where it was claimed and never begun.
    if (this.#context === undefined) return this.#write(record, { record: released(record) });
    const rule = { retry: settings.retry, misfire: settings.misfire, random: host.random() };
    return this.#write(record, afterRun(record, resultOf(this.#end), place, rule));
  }

  #write(record: QueueRecord, completion: Completion): Promise<Standing> {
    const written = { revision: this.#revision, at: this.#startedAt, error: this.#end.error };
    return this.#settlement.write(record, written, completion);
  }

  #token(): number {
    const { lease, shard } = this.job.partition;
    return this.#services.settings.claim ? fencingToken(shard.tasks.epoch(), this.#revision) : (lease.token ?? 0);
  }
}
