import type { Lease } from "../cluster/lease";
import { parseDuration } from "../duration";
import { toError } from "../errors";
import { randomId, systemRandom } from "../identity";
import { backoffDelay } from "../rules/backoff";
import { fencingToken } from "../rules/lease";
import { nextDue, readQueueRecord, wakeAt, type QueueRecord } from "../rules/queue-record";
import type { RevisionMap } from "../store";
import { bindClock, DiscardError, RetryAfterError, type TaskContext } from "../task";
import type { QueueHost, QueueSettings } from "./options";

export interface AssignedRun {
  readonly key: string;
  /** The revision that was found due. */
  readonly seen: number;
  readonly epoch: () => number;
  readonly map: RevisionMap;
  readonly deadLetters: RevisionMap;
  readonly lease: Lease;
  readonly settings: QueueSettings;
  readonly host: QueueHost;
}

/** A run that has begun. */
export interface Work {
  /**
   * Resolves when it has ended and what could be recorded is; never rejects. To the revision from which on the record
   * is worth another look: what the watch has delivered before is out of date.
   */
  readonly ended: Promise<number>;
  abort(reason: Error): void;
}

/** Why a task was given up. */
export interface DeadLetter {
  id: string;
  payload: unknown;
  error: string;
  attempts: number;
  /** Milliseconds of the wall. */
  at: number;
}

const pauseAfterFailure = 1_000;

/** Claims, runs and completes one task: each step is one conditional write on its record. */
export function runAssigned(run: AssignedRun): Work {
  const controller = new AbortController();
  const ended = attempt(run, controller.signal).catch(async (error: unknown) => {
    run.host.logger.warn(
      { err: toError(error), queue: run.settings.name },
      "an assigned task's record is out of reach",
    );
    // The record is looked at again when this has ended: not in a hot loop.
    await new Promise<void>((resolve) => void run.host.clock.setTimeout(resolve, pauseAfterFailure));
    return 0;
  });
  return { ended, abort: (reason) => controller.abort(reason) };
}

async function attempt(run: AssignedRun, signal: AbortSignal): Promise<number> {
  const { map, key, lease, host } = run;
  const entry = await map.get(key);
  const record = entry && readQueueRecord(entry.value);
  if (signal.aborted || !lease.valid()) return Infinity;
  if (entry === undefined || record === undefined) return 1 + run.seen;
  if (wakeAt(record) > host.clock.now()) return entry.revision;
  const mark = { id: randomId(), owner: lease.token ?? 0 };
  const claimed: QueueRecord = { ...record, attempt: record.attempt + 1, run: mark };
  delete claimed.retryAt;
  const written = await map.update(key, JSON.stringify(claimed), entry.revision);
  if (!written.ok) return entry.revision + 1;
  const startedAt = host.clock.now();
  let failure: { thrown: unknown } | undefined;
  if (!signal.aborted && lease.valid()) {
    try {
      await run.settings.run?.(claimed.payload, contextOf(run, claimed, written.revision, startedAt, signal));
    } catch (thrown) {
      failure = { thrown };
    }
  } else failure = { thrown: signal.reason };
  // Whoever owns the partition now decides what becomes of it.
  if (!lease.valid()) return Infinity;
  return complete(run, claimed, written.revision, { startedAt, failure, aborted: signal.aborted });
}

interface Ending {
  startedAt: number;
  failure: { thrown: unknown } | undefined;
  aborted: boolean;
}

async function complete(run: AssignedRun, claimed: QueueRecord, revision: number, ending: Ending): Promise<number> {
  const { map, key, host } = run;
  const next = await afterwards(run, claimed, ending);
  const written = await (next === undefined
    ? map.delete(key, revision)
    : map.update(key, JSON.stringify(next), revision));
  for (let answer = written; ;) {
    if (answer.ok) return answer.revision;
    // Removed meanwhile: nothing is written back (`I2`). Assigned meanwhile: the newer definition is kept (`I1`).
    const entry = await map.get(key);
    const newer = entry && readQueueRecord(entry.value);
    if (entry === undefined || newer === undefined || newer.run?.id !== claimed.run?.id) return revision + 1;
    const freed: QueueRecord = { ...newer, attempt: 0 };
    delete freed.run;
    answer = await map.update(key, JSON.stringify(freed), entry.revision);
    host.logger.debug({ queue: run.settings.name, id: claimed.id }, "assigned again while it ran");
  }
}

/** What the record is to be; undefined where it is to go. */
async function afterwards(run: AssignedRun, claimed: QueueRecord, ending: Ending): Promise<QueueRecord | undefined> {
  const { settings, host } = run;
  const { startedAt, failure, aborted } = ending;
  const free: QueueRecord = { ...claimed };
  delete free.run;
  if (failure !== undefined) {
    // An attempt that was cut short is not counted.
    if (aborted) return { ...free, attempt: claimed.attempt - 1 };
    const { thrown } = failure;
    if (!(thrown instanceof DiscardError) && claimed.attempt <= settings.retry.limit) {
      const delay =
        thrown instanceof RetryAfterError
          ? parseDuration("retryAfter", thrown.delay, { min: 0 })
          : backoffDelay(settings.retry, claimed.attempt, systemRandom());
      return { ...free, retryAt: Math.ceil(host.clock.now() + delay) };
    }
    const cause = thrown instanceof DiscardError && thrown.cause !== undefined ? thrown.cause : thrown;
    const letter: DeadLetter = {
      id: claimed.id,
      payload: claimed.payload,
      error: toError(cause).message,
      attempts: claimed.attempt,
      at: host.clock.now(),
    };
    await run.deadLetters.create(claimed.run?.id ?? "", JSON.stringify(letter));
  }
  const due = nextDue(claimed, startedAt);
  return due === undefined ? undefined : { ...free, due, attempt: 0 };
}

function contextOf(
  run: AssignedRun,
  record: QueueRecord,
  revision: number,
  now: number,
  signal: AbortSignal,
): TaskContext {
  const { host, settings } = run;
  const { id, attempt: count, due } = record;
  const context: TaskContext = {
    name: id,
    signal,
    attempt: count,
    scheduledAt: new Date(due),
    lateBy: Math.max(0, now - due),
    fencingToken: fencingToken(run.epoch(), revision),
    logger: host.logger.child({ queue: settings.name, task: id, runId: record.run?.id, attempt: count }),
    progress: () => undefined,
  };
  return bindClock(context, host.clock);
}
