import type { Clock } from "../clock";
import { contention } from "../cluster/contention";
import { readHistory } from "../rules/history";
import { readRecord, type TaskRecord } from "../rules/task-record";
import type { RevisionMap, Store } from "../store";
import type { PastRunSummary } from "./handles";
import { requireMethod } from "../validate";
import { forgetTask } from "./forget";
import { summarize } from "./run-context";
import { readTask, taskPrefix } from "./task-key";

/** An exclusive task as its record in the store tells it, whichever node runs it. */
export interface RecordedTask {
  name: string;
  state: "running" | "waiting" | "backoff" | "paused";
  /** The node that runs it now. */
  holder?: string;
  /** The last tick that was claimed. */
  lastTick?: Date;
  retryAt?: Date;
  attempt: number;
  failures: number;
  lastSuccess?: Date;
  lastFailure?: Date;
  lastError?: string;
  /** Newest first. */
  history: PastRunSummary[];
}

/** The records of all exclusive tasks in a store, for those who run none of them themselves. */
export interface TaskRecords {
  list(): Promise<RecordedTask[]>;
  /** No node begins a run of it, until `resume`; a run in progress goes on. @throws OstinatoError ERR_UNKNOWN_TASK */
  pause(name: string): Promise<void>;
  /** @throws OstinatoError ERR_UNKNOWN_TASK */
  resume(name: string): Promise<void>;
  /**
   * Has one of the nodes run it now, or the next that starts. Resolves to false, with the node that runs it, when it
   * runs already. @throws OstinatoError ERR_UNKNOWN_TASK
   */
  trigger(name: string): Promise<{ triggered: true } | { triggered: false; holder: string }>;
  /**
   * Deletes the record of a task that was removed from the code. Refused while a live node has the task or runs it. Waits
   * for up to a minute where a node that has it may have been killed.
   *
   * @throws OstinatoError ERR_UNKNOWN_TASK, ERR_TASK_IN_USE
   */
  forget(name: string): Promise<void>;
  close(): Promise<void>;
}

type Edit = (record: TaskRecord) => TaskRecord | undefined;

/** Opens the records of a store that runtimes work on. @throws OstinatoError as the store does */
export async function openTaskRecords(store: Store, clock: Clock): Promise<TaskRecords> {
  requireMethod("store", store, "open");
  await store.open();
  const map = store.map("leases");
  const change = (name: string, edit: Edit): Promise<void> => changeRecord(map, name, edit, contention(clock));
  return {
    async list() {
      const found: RecordedTask[] = [];
      for await (const { key, value } of map.list(taskPrefix)) {
        const read = readRecord(value);
        if (read.kind === "record") found.push(tell(key.slice(taskPrefix.length), read.record));
      }
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    pause: (name) => change(name, (record) => (record.paused === true ? undefined : { ...record, paused: true })),
    resume: (name) => change(name, (record) => (record.paused === true ? { ...record, paused: false } : undefined)),
    async trigger(name) {
      let holder = "";
      await change(name, (record) => {
        holder = record.holder;
        if (holder !== "") return undefined;
        // An open tick is run at once by the first node that sees it.
        const tick = Math.max(clock.now(), (record.tick ?? 0) + 1);
        return { ...record, state: "open", tick, attempt: 1, retryAt: undefined, catchUp: undefined };
      });
      return holder === "" ? { triggered: true } : { triggered: false, holder };
    },
    forget: (name) => forgetTask(store, clock, name),
    close: () => store.close(),
  };
}

/** One compare-and-swap, tried until nobody else wrote in between; `undefined` leaves the record as it is. */
async function changeRecord(map: RevisionMap, name: string, edit: Edit, conflict: () => Promise<void>): Promise<void> {
  for (; ; await conflict()) {
    const { entry, record } = await readTask(map, name);
    const next = edit(record);
    if (next === undefined || (await map.update(entry.key, JSON.stringify(next), entry.revision)).ok) return;
  }
}

function tell(name: string, record: TaskRecord): RecordedTask {
  const { holder, tick, retryAt, attempt, failures, lastSuccess, lastFailure, lastError } = record;
  const running = record.state === "running" && holder !== "";
  const waiting = record.state === "retry" ? "backoff" : "waiting";
  return {
    name,
    state: running ? "running" : record.paused === true ? "paused" : waiting,
    ...(running ? { holder } : {}),
    ...(tick === null ? {} : { lastTick: new Date(tick) }),
    ...(record.state === "retry" && retryAt !== undefined ? { retryAt: new Date(retryAt) } : {}),
    attempt,
    failures,
    ...(lastSuccess === undefined ? {} : { lastSuccess: new Date(lastSuccess) }),
    ...(lastFailure === undefined ? {} : { lastFailure: new Date(lastFailure) }),
    ...(lastError === undefined ? {} : { lastError }),
    history: readHistory(record.history).map((run) => ({ ...summarize(run), fencingToken: run.fencingToken })),
  };
}
