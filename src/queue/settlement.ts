import { OstinatoError, toError, type ErrorCode } from "../errors";
import { randomId } from "../identity";
import type { Completion, GivenUp } from "../rules/completion";
import { readQueueRecord, type QueueRecord } from "../rules/queue-record";
import type { RunServices, Standing } from "./job";
import { codeOf, letterOf } from "./dead-letters";
import type { Shard } from "./shard";
import { writeSurely, type SureAnswer } from "./sure-write";

const pauseOfUnlettered = 60_000;
const refusals = new Set<ErrorCode>(["ERR_INVALID_PAYLOAD", "ERR_STORE_PERMISSION", "ERR_STORE_SETTINGS"]);

/** Where a task's record is written, and what is known of it. */
export interface Place {
  readonly shard: Shard;
  readonly key: string;
  readonly services: RunServices;
}

/** Writes down what becomes of one task. May be asked again with the same completion, where the store did not answer. */
export class Settlement {
  readonly #place: Place;
  #isLettered = false;
  /** Of the letter, where no claim names the run. */
  #letterId: string | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** @throws OstinatoError as the store's calls do. */
  async write(
    record: QueueRecord,
    written: { revision: number; at: number; error: Error | undefined },
    completion: Completion,
  ): Promise<Standing> {
    const { revision } = written;
    if (completion.givenUp === undefined || this.#isLettered) return this.#record(record, revision, completion.record);
    const next = await this.#letter(record, written, completion, completion.givenUp);
    return this.#record(record, revision, next);
  }

  /** What is to be written over the record once its letter is stored, or could not be. */
  async #letter(
    record: QueueRecord,
    { at, error }: { at: number; error: Error | undefined },
    { record: next, runs }: Completion,
    reason: GivenUp,
  ): Promise<QueueRecord | undefined> {
    const { host, onGivenUp, settings } = this.#place.services;
    const letter = letterOf(record, { reason, error, runs: runs ?? [], at, node: host.nodeId });
    const id = record.run?.id ?? (this.#letterId ??= randomId());
    try {
      await this.#place.shard.deadLetters.add(letter, { since: at, id });
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown;
      const err = toError(thrown);
      const about = { event: "UNLETTERED", queue: settings.name, task: record.id, reason, err };
      host.logger.error(about, `a dead letter cannot be stored, and is tried again in a minute: ${err.message}`);
      const unlettered = { reason, error: letter.error, ...codeOf(error) };
      const past = { joint: 0, alone: 0, excused: 0, ...record.past, runs: [...(runs ?? [])] };
      const kept: QueueRecord = { ...record, past, unlettered, retryAt: host.clock.now() + pauseOfUnlettered };
      delete kept.run;
      return kept;
    }
    this.#isLettered = true;
    onGivenUp(record, reason, error);
    return next;
  }

  async #record(record: QueueRecord, written: number, completed: QueueRecord | undefined): Promise<Standing> {
    let next = completed;
    let revision = written;
    for (;;) {
      const { answer, value } = await this.#put(next, revision);
      if (answer.ok) {
        return next === undefined || value === undefined
          ? { is: "gone", revision: answer.revision }
          : { is: "waiting", record: next, value, revision: answer.revision };
      }
      // Removed meanwhile: nothing is written back (`I2`). Assigned meanwhile: the newer definition is kept (`I1`).
      const { entry } = answer;
      if (entry === undefined) return { is: "gone", revision };
      const newer = readQueueRecord(entry.value);
      if (newer === undefined || newer.run === undefined || newer.run.id !== record.run?.id) {
        return newer === undefined ? { is: "gone", revision } : { is: "waiting", record: newer, ...entry };
      }
      // What was written of the run itself, with no answer at the time, is no newer definition.
      if (newer.attempt === 0) next = unclaimed(newer);
      ({ revision } = entry);
    }
  }

  async #put(
    next: QueueRecord | undefined,
    revision: number,
  ): Promise<{ answer: SureAnswer; value: string | undefined }> {
    const { shard, key } = this.#place;
    const put = async (record: QueueRecord | undefined): Promise<{ answer: SureAnswer; value: string | undefined }> => {
      const value = record === undefined ? undefined : JSON.stringify(record);
      return { answer: await writeSurely(shard.tasks.map, key, value, revision), value };
    };
    return next === undefined ? put(next) : fitting(next, put);
  }
}

/** Writes the record, without what it remembers of its attempts where it would be too large with that. */
export async function fitting<T>(record: QueueRecord, write: (record: QueueRecord) => Promise<T>): Promise<T> {
  try {
    return await write(record);
  } catch (error) {
    if (!isTooLarge(error) || record.past === undefined) throw error;
    return write({ ...record, past: { ...record.past, runs: [] } });
  }
}

export function isTooLarge(error: unknown): boolean {
  return error instanceof OstinatoError && error.code === "ERR_INVALID_PAYLOAD";
}

/** The store is there and will not take it, however often it is asked. */
export function isRefusal(error: unknown): boolean {
  return error instanceof OstinatoError && refusals.has(error.code);
}

/** The newest definition, of whatever ran before it. */
function unclaimed(record: QueueRecord): QueueRecord {
  const next: QueueRecord = { ...record, attempt: 0 };
  delete next.run;
  delete next.suspect;
  return next;
}
