import type { Clock } from "../clock";
import { contention } from "../cluster/contention";
import {
  isCopy,
  readAssignment,
  readQueueRecord,
  requireId,
  type Assignment,
  type IntakeMark,
  type QueueRecord,
} from "../rules/queue-record";
import type { Entry, RevisionMap } from "../store";
import type { QueueSettings } from "./options";
import type { AssignedTask } from "./queue-api";
import { applySchema } from "./schema";
import { Removals } from "./removals";
import type { Shard } from "./shard";
import type { Shards } from "./shards";
import { writeSurely, type SureAnswer } from "./sure-write";

/** Partitions listed ahead of the one whose tasks are being given out. */
const listedAtOnce = 4;

/** What anybody may do with the tasks of a queue: each of these is one conditional write on the task's record. */
export class AssignedTasks {
  readonly #settings: QueueSettings;
  readonly #shards: Shards;
  readonly #clock: Clock;
  readonly #removals = new Removals();
  /** Whether the task that was assigned last was there before. */
  #meetsKnown = false;

  constructor(settings: QueueSettings, shards: Shards, clock: Clock) {
    this.#settings = settings;
    this.#shards = shards;
    this.#clock = clock;
  }

  /**
   * @param intake the message of a producer that asks for it. It changes nothing if it, a copy of it, or a later message
   *   is already in the record.
   * @param window for how many milliseconds an equal message is a copy.
   */
  async assign(assignment: Assignment, intake?: IntakeMark, window = 0): Promise<"created" | "updated"> {
    const record = readAssignment(assignment, this.#clock.now(), this.#shards.bucket);
    await applySchema(this.#settings.schema, record.payload);
    if (intake !== undefined) record.intake = intake;
    return this.#store(record, window);
  }

  async remove(id: string, intake?: IntakeMark): Promise<boolean> {
    const { shard, key } = this.#shards.place(requireId(id));
    const { map } = shard.tasks;
    const conflict = contention(this.#clock);
    for (let entry = await map.get(key); entry !== undefined; await conflict()) {
      const record = readQueueRecord(entry.value);
      if (intake !== undefined && isOlder(intake, record)) return true;
      if (intake === undefined && record?.intake?.content !== undefined) await this.#removals.announce(shard);
      const written = await writeSurely(map, key, undefined, entry.revision);
      if (written.ok) return true;
      entry = written.entry;
    }
    return false;
  }

  /**
   * Whether only runs have touched the task since the message with this content went into it. One that is gone may have
   * run, or have been removed: `removals` tells.
   */
  async isAsAccepted(id: string, content: string | undefined): Promise<boolean> {
    const { shard, key } = this.#shards.place(id);
    const entry = await shard.tasks.map.get(key);
    return entry === undefined || readQueueRecord(entry.value)?.intake?.content === content;
  }

  /** What was done for the message with this content, where the task that it made is still there. */
  async accepted(id: string, content: string): Promise<{ result: string; mark: IntakeMark } | undefined> {
    const { shard, key } = this.#shards.place(id);
    const entry = await shard.tasks.map.get(key);
    const mark = entry && readQueueRecord(entry.value)?.intake;
    return mark?.content === content ? { result: "updated", mark } : undefined;
  }

  /** Changes when a task that came from a producer is removed by a call, where the task of this id lives. */
  async removals(id: string): Promise<{ readonly shard: number; readonly count: number }> {
    const { shard } = this.#shards.place(id);
    return { shard: shard.index, count: await this.#removals.count(shard) };
  }

  /** The same of every store that could be opened. */
  allRemovals(): Promise<{ readonly shard: number; readonly count: number }[]> {
    const count = async (shard: Shard) => ({ shard: shard.index, count: await this.#removals.count(shard) });
    return Promise.all(this.#shards.all.map(count));
  }

  async get(id: string): Promise<AssignedTask | undefined> {
    const { shard, key } = this.#shards.place(requireId(id));
    const entry = await shard.tasks.map.get(key);
    return entry && taskOf(entry);
  }

  /** The task is due now; one that is not there is made anew, to run once. */
  async runNow(id: string, payload: unknown): Promise<void> {
    const { shard, key } = this.#shards.place(requireId(id));
    const due = this.#clock.now();
    for (const conflict = contention(this.#clock); ; await conflict()) {
      const entry = await shard.tasks.map.get(key);
      const record = entry && readQueueRecord(entry.value);
      const next: QueueRecord = record
        ? { ...record, due, timed: due, attempt: 0 }
        : { v: 1, id, payload, due, timed: due, attempt: 0 };
      delete next.retryAt;
      delete next.past;
      delete next.unlettered;
      const written = await writeSurely(shard.tasks.map, key, JSON.stringify(next), entry?.revision ?? 0);
      if (written.ok) return;
    }
  }

  /** All whose id begins with the prefix. One partition is read after another, so that memory holds a few. */
  async *list(prefix: string): AsyncGenerator<AssignedTask> {
    this.#shards.requireAll();
    const ahead: Promise<AssignedTask[]>[] = [];
    let next = 0;
    while (ahead.length > 0 || next < this.#shards.partitions) {
      while (ahead.length < listedAtOnce && next < this.#shards.partitions) {
        const part = this.#listPartition(next, prefix);
        part.catch(() => undefined);
        ahead.push(part);
        next += 1;
      }
      yield* await (ahead.shift() as Promise<AssignedTask[]>);
    }
  }

  async #listPartition(partition: number, prefix: string): Promise<AssignedTask[]> {
    const tasks: AssignedTask[] = [];
    const shard = this.#shards.holding(partition);
    for await (const entry of shard.tasks.map.list(`${String(partition)}.${prefix}`)) {
      const task = taskOf(entry);
      if (task !== undefined) tasks.push(task);
    }
    return tasks;
  }

  async #store(record: QueueRecord, window: number): Promise<"created" | "updated"> {
    const { shard, key } = this.#shards.place(record.id);
    const { map } = shard.tasks;
    // The way with fewer requests is the other one for new tasks than for known ones, and mostly many of a kind come.
    const first: SureAnswer = this.#meetsKnown
      ? { ok: false, entry: await map.get(key) }
      : await writeSurely(map, key, JSON.stringify(record), 0);
    const outcome = first.ok ? "created" : await this.#storeOver(record, window, map, key, first.entry);
    this.#meetsKnown = outcome === "updated";
    return outcome;
  }

  /** Over what stands there, if something does. */
  async #storeOver(
    record: QueueRecord,
    window: number,
    map: RevisionMap,
    key: string,
    found: Entry | undefined,
  ): Promise<"created" | "updated"> {
    const conflict = contention(this.#clock);
    for (let entry = found; ; await conflict()) {
      const old = entry && readQueueRecord(entry.value);
      if (record.intake !== undefined && isSettled(record.intake, old, window)) return "updated";
      const next: QueueRecord = { ...record };
      // Who runs it goes on running it, and finds the newer definition when it has ended.
      if (old?.run !== undefined) next.run = old.run;
      // What it may have killed, another definition of it may kill too: it is tried apart from others first.
      if (old?.suspect !== undefined) next.suspect = old.suspect;
      if (old?.intake !== undefined && next.intake === undefined) {
        const { epoch, sequence } = old.intake;
        next.intake = { epoch, sequence };
      }
      const answer = await writeSurely(map, key, JSON.stringify(next), entry?.revision ?? 0);
      if (answer.ok) return entry === undefined ? "created" : "updated";
      ({ entry } = answer);
    }
  }
}

/** Whether nothing is left to be done for the message: a copy of it, it or a later one is in the record. */
function isSettled(intake: IntakeMark, record: QueueRecord | undefined, window: number): boolean {
  if (isOlder(intake, record)) return true;
  return record?.intake !== undefined && isCopy(intake, record.intake, window);
}

/** Whether the message went into the record already, or one after it did. */
function isOlder(intake: IntakeMark, record: QueueRecord | undefined): boolean {
  const known = record?.intake;
  return known !== undefined && known.epoch === intake.epoch && known.sequence >= intake.sequence;
}

function taskOf(entry: Entry): AssignedTask | undefined {
  const record = readQueueRecord(entry.value);
  if (record === undefined) return undefined;
  const { id, payload, due, attempt, every, cron, timeZone, run, retryAt } = record;
  return {
    id,
    payload,
    due: new Date(due),
    attempt,
    partition: Number.parseInt(entry.key, 10),
    running: run !== undefined,
    ...(every === undefined ? {} : { every }),
    ...(cron === undefined ? {} : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(run === undefined ? {} : { node: run.node }),
    ...(retryAt === undefined ? {} : { retryAt: new Date(retryAt) }),
  };
}
