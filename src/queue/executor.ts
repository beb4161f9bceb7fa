import { Alarms } from "../alarms";
import { sleep } from "../clock";
import type { Lease } from "../cluster/lease";
import { LeaseLostError, ShutdownError } from "../errors";
import type { Change, Renewal } from "../store";
import { AssignedRun } from "./assigned-run";
import { Backlog, pauseAfterFailure, type Due } from "./backlog";
import { Drains } from "./drains";
import type { RunServices } from "./job";
import { Losses } from "./losses";
import { notNested } from "./not-nested";
import type { QueueHost, QueueSettings } from "./options";
import { Outages } from "./outages";
import { OwnedPartition } from "./owned-partition";
import type { ExecutorServices } from "./queue-events";
import { Retimings } from "./retimings";
import type { Shard } from "./shard";
import { RunCounts } from "./stats";
import { Trials } from "./trials";
import type { Employer, Worker } from "./worker";

/** So many ends of runs are on their way to the store at a time; beyond that nothing begins. */
const mostRecording = 1_024;

interface OutTask {
  readonly run: AssignedRun;
  /** The load of its partition in which it was taken: revisions of another one may be those of another store. */
  readonly round: number;
  /** What the watch has told of it since it was taken. */
  newest: Change | undefined;
}

/**
 * Gives what is due of the partitions that this process owns to its workers. One alarm wakes the next bucket; while
 * there is nothing to wait for there is none (`I14`).
 */
export class Executor implements Employer {
  readonly counts: RunCounts;
  readonly #settings: QueueSettings;
  readonly #host: QueueHost;
  readonly #services: RunServices;
  readonly #alarms: Alarms;
  readonly #backlog: Backlog;
  readonly #partitions = new Map<number, OwnedPartition>();
  readonly #out = new Map<string, OutTask>();
  readonly #idle = new Set<Worker>();
  readonly #drains: Drains;
  readonly #outages: Outages;
  readonly #trials: Trials;
  readonly #losses: Losses;
  #recording = 0;
  /** A worker that is given a task may end a trial, which wakes this executor. */
  readonly #dispatch = notNested(() => this.#giveOut());
  readonly #unlisten: (() => void) | undefined;
  #halted = false;

  constructor(settings: QueueSettings, bucket: number, host: QueueHost, services: ExecutorServices) {
    const { clock, logger } = host.host;
    this.#settings = settings;
    this.#host = host;
    this.#alarms = new Alarms(clock);
    this.#outages = new Outages(clock, settings.lease);
    this.#drains = new Drains(this.#alarms, settings.lease);
    this.#losses = new Losses(this.#alarms, clock, settings.lease, services.onTrouble);
    this.counts = new RunCounts(clock);
    this.#services = {
      settings,
      host: { ...host.host, logger: logger.child({ queue: settings.name }), spans: host.host.spans.of(settings.name) },
      ...services,
      isStopping: () => this.#halted,
      onRetimed: new Retimings(settings.name, host.host).note,
      onGivenUp: (record, reason, error) => {
        this.counts.deadLetters += 1;
        services.onGivenUp(record, reason, error);
      },
    };
    const about = { clock, outages: this.#outages, nodeId: host.host.nodeId, self: services.signs.self };
    this.#backlog = new Backlog(bucket, { ...about, onForget: (key) => this.#trials.forget(key) });
    this.#unlisten = clock.onWallJump?.(() => {
      this.#backlog.wallSet();
      this.#look();
    });
    this.#trials = new Trials(host.host, settings, {
      running: () => this.#out.size,
      hasOthers: () => this.#backlog.index.ready > 0,
      wake: () => this.#look(),
      mayBegin: (held) => this.#mayBegin(held),
    });
  }

  get owned(): readonly OwnedPartition[] {
    return [...this.#partitions.values()];
  }

  partition(number: number): OwnedPartition | undefined {
    return this.#partitions.get(number);
  }

  get load(): { waiting: number; due: number; running: number } {
    const due = this.#backlog.index.ready + this.#trials.waiting;
    const running = this.#out.size;
    return { waiting: this.#backlog.index.size - due - running, due, running };
  }

  own(shard: Shard, number: number, lease: Lease, parent: OwnedPartition["actor"]): void {
    const { host } = this.#host;
    const partition: OwnedPartition = new OwnedPartition({
      queue: this.#settings.name,
      number,
      shard,
      lease,
      parent,
      node: host.nodeId,
      onChange: (change) => this.#note(partition, change),
      onLoaded: () => {
        this.#losses.ended(shard, number, this.#backlog.index.loaded(number, partition.round));
        this.#look();
      },
      onRenewed: (renewal) => this.#losses.began(shard, number, renewal, this.#backlog.index.count(number)),
      warn: (message, err) => host.logger.warn({ err, queue: this.#settings.name }, message),
      pause: () => sleep(host.clock, pauseAfterFailure),
    });
    this.#partitions.set(number, partition);
    this.#outages.answered(shard);
    if (this.#halted) partition.leave("the queue stops executing");
    partition.open();
  }

  lose(number: number): void {
    const partition = this.#partitions.get(number);
    partition?.leave("the lease was lost");
    if (partition !== undefined) {
      this.#outages.began(partition.shard);
      this.#losses.left(partition.shard, this.#backlog.index.count(number));
    }
    const lost = new LeaseLostError(`partition ${String(number)} of "${this.#settings.name}" is no longer owned here`);
    for (const { run } of this.#out.values()) if (run.job.partition.number === number) run.abort(lost);
  }

  /** The bucket of the tasks in this store is a new one. */
  renewed(shard: Shard, renewal: Renewal): void {
    this.#losses.recreated(shard, renewal, this.#backlog.count(this.owned, shard));
  }

  /**
   * Nothing of the partition begins any more; resolves when what runs has ended. A run that goes on for long holds the
   * other tasks up no longer than two leases: a partition that is ours is kept, and one that was lost may be taken again.
   */
  async drain(number: number): Promise<"kept" | "drained"> {
    const partition = this.#partitions.get(number);
    if (partition === undefined) return "drained";
    partition.leave("it is given back");
    await this.#drains.wait(partition);
    const isOurs = partition.lease.valid();
    if (partition.running > 0 && isOurs && !this.#halted) {
      partition.keep();
      return "kept";
    }
    this.#backlog.index.drop(number);
    this.#losses.ended(partition.shard, number, 0);
    this.#partitions.delete(number);
    this.#trials.leave(partition);
    await partition.close();
    if (partition.running > 0 && isOurs) throw new ShutdownError(`partition ${String(number)}: a run does not end`);
    return "drained";
  }

  /** Nothing begins any more. To be followed by the drain of all that is owned. */
  halt(): void {
    this.#halted = true;
    this.#trials.close();
    this.#drains.stop();
    for (const partition of this.#partitions.values()) partition.leave("the queue stops executing");
  }

  /** Aborts what runs. */
  abortAll(reason: Error): void {
    for (const { run } of this.#out.values()) run.abort(reason);
  }

  /** What still runs is no longer waited for, once its record says so. Returns the ids. */
  giveUp(): string[] {
    const runs = [...this.#out.values()].map(({ run }) => run);
    void Promise.all(runs.map((run) => run.leave())).then(() => {
      this.#drains.giveUp();
    });
    return runs.map(({ id }) => id);
  }

  close(): void {
    this.#unlisten?.();
    this.#alarms.close();
  }

  // What workers tell.

  free(worker: Worker): void {
    this.#idle.add(worker);
    this.#dispatch();
  }

  began(_run: AssignedRun, lateBy: number): void {
    this.counts.began(lateBy);
  }

  ended(run: AssignedRun, outcome: string): void {
    this.counts.ended(outcome);
    void this.#record(run);
  }

  passed(run: AssignedRun): void {
    this.#done(run);
  }

  /** The worker goes on meanwhile. A store that is down keeps no worker from the tasks of others (`I13`). */
  async #record(run: AssignedRun): Promise<void> {
    this.#recording += 1;
    const isSettled = await run.finish();
    this.#recording -= 1;
    if (!isSettled) await run.finishLate();
    this.#done(run);
  }

  #done({ job, standing }: AssignedRun): void {
    const { key, partition } = job;
    const { newest, round } = this.#out.get(key) ?? {};
    this.#out.delete(key);
    const owned = this.#partitions.get(partition.number);
    // Since it was taken, the partition was loaded again, or lost and taken again.
    if (owned !== undefined && (owned !== partition || round !== owned.round)) {
      this.#backlog.readAgain(owned, key, job.revision, 0);
    } else if (owned === undefined) this.#backlog.index.delete(key);
    else this.#backlog.settle(job, standing, newest);
    this.#trials.ended(key);
    partition.running -= 1;
    if (owned === partition) this.#drains.look(partition);
    this.#look();
  }

  #note(partition: OwnedPartition, change: Change): void {
    const { key } = change;
    const out = this.#out.get(key);
    if (out !== undefined) {
      // What runs here is looked at again when it has ended.
      out.newest = change;
      this.#backlog.index.confirm(key, partition.round);
    } else if (this.#backlog.note(partition, change)) this.#look();
  }

  /** Sets the alarm for the next bucket, and gives out what is due. */
  #look(): void {
    for (const { key, revision, record, ...due } of this.#backlog.dueSuspects()) {
      const partition = this.#partitions.get(due.partition);
      if (partition === undefined) this.#backlog.index.delete(key);
      else this.#trials.admit({ ...record.suspect, key, revision, partition });
    }
    this.#backlog.awaitNext(this.#alarms, () => this.#look());
    this.#dispatch();
  }

  #giveOut(): void {
    for (const worker of this.#idle) {
      if (!worker.isFree) {
        this.#idle.delete(worker);
        continue;
      }
      const isBusy = this.#halted || this.#recording >= mostRecording;
      const trial = isBusy ? undefined : this.#trials.take();
      const due = trial ?? (isBusy || !this.#trials.isOpen ? undefined : this.#nextDue());
      if (due === undefined) return;
      const { key, revision, partition } = due;
      const value = this.#backlog.cache.take(key, revision);
      const run = new AssignedRun({ key, revision, partition, value, group: trial?.group }, this.#services);
      this.#out.set(key, { run, newest: undefined, round: partition.round });
      if (trial !== undefined) this.#trials.began(trial, run);
      partition.running += 1;
      this.#idle.delete(worker);
      worker.give(run);
    }
  }

  /** The first that is ready and may begin. */
  #nextDue(): Due | undefined {
    for (let due = this.#backlog.index.take(); due !== undefined; due = this.#backlog.index.take()) {
      const partition = this.#partitions.get(due.partition);
      if (partition !== undefined && this.#mayBegin({ ...due, partition })) return { ...due, partition };
      if (partition === undefined) this.#backlog.index.delete(due.key);
    }
    return undefined;
  }

  #mayBegin(due: Due): boolean {
    if (this.#partitions.get(due.partition.number) === due.partition) return this.#backlog.mayBegin(due);
    this.#backlog.index.delete(due.key);
    return false;
  }
}
