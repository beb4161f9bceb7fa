import { reach } from "../cluster/reached";
import { leaveStore, useStore } from "../cluster/store-users";
import type { View } from "../cluster/view";
import type { Clock, TimerId } from "../clock";
import { isOutage, toError } from "../errors";
import type { Random } from "../identity";
import { backoffDelay } from "../rules/backoff";
import { tellNames } from "../rules/known-names";
import { readRecord } from "../rules/task-record";
import type { Store, StoreEvent } from "../store";
import { reportingMap, type RecordPlace } from "./record-place";
import type { Report } from "./report";
import { taskPrefix } from "./task-key";

/** How many records of tasks that are gone are kept where records do not outlive the process. */
const goneKept = 200;
const pauses = { initialDelay: 250, maxDelay: 10_000, factor: 2, jitter: 0.2, limit: Infinity };

/** The runtimes of this process that keep records in a store. */
const keepers = new WeakMap<Store, Set<Records>>();

/** Whether a runtime of this process that uses the store has an exclusive task of this name. */
export function isSpawned(store: Store, name: string): boolean {
  return [...(keepers.get(store) ?? [])].some((records) => records.names().includes(name));
}

/**
 * The records of tasks in one store, kept in view. A store that cannot be reached at first is tried again until it
 * can: nothing that does not need it waits for it.
 */
export class Records {
  place: RecordPlace | undefined;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #report: Report;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Keys whose task is gone from this runtime, the longest gone first. */
  readonly #gone = new Set<string>();
  #told: string | null | undefined;
  #view: View | undefined;
  #open = false;
  #failed = false;
  #retry: TimerId;
  #unlisten: () => void = () => undefined;

  constructor(store: Store, clock: Clock, random: Random, report: Report) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#report = report;
  }

  /**
   * Resolves once the store is reached or has turned out to be out of reach for now.
   *
   * @throws OstinatoError whatever the store says that waiting does not mend, such as ERR_STORE_SETTINGS or ERR_STORE_PATH
   */
  async open(failures = 0): Promise<void> {
    if (!this.#open) {
      this.#open = true;
      useStore(this.#store);
      keepers.set(this.#store, (keepers.get(this.#store) ?? new Set()).add(this));
      this.#unlisten = this.#store.onEvent((event) => this.#take(event));
    }
    try {
      const { map, view, epoch } = await reach(this.#store, "leases", taskPrefix, this.#clock);
      this.#view = view;
      view.onAny((key) => {
        for (const listener of [...(this.#listeners.get(key) ?? [])]) listener();
      });
      view.onLoss((loss) => {
        if (loss.lost === 0) return;
        this.#report.tell({ type: "lost", store: this.#store.description, ...loss, what: "task records" });
      });
      await view.ready;
      if (!this.#open) return;
      const report = {
        failed: (error: unknown) => this.#noteFailure(error),
        answered: () => this.#noteAnswer(),
      };
      this.place = {
        map,
        reporting: reportingMap(map, report),
        view,
        get epoch() {
          return epoch();
        },
        ...report,
      };
      this.#noteAnswer();
      this.#wakeAll();
    } catch (error) {
      if (!isOutage(error)) {
        await this.close();
        throw error;
      }
      this.#noteFailure(toError(error));
      await this.#view?.close();
      if (!this.#open) return;
      this.#retry = this.#clock.setTimeout(
        () => void this.open(failures + 1).catch((later: unknown) => this.#noteFailure(later)),
        backoffDelay(pauses, failures + 1, this.#random()),
      );
    }
  }

  /** Names of the tasks that are being run, by the node that runs them. */
  held(): Map<string, string[]> {
    const held = new Map<string, string[]>();
    for (const { entry } of this.place?.view.entries() ?? []) {
      const read = readRecord(entry.value);
      if (read.kind !== "record" || read.record.state !== "running" || read.record.holder === "") continue;
      const names = held.get(read.record.holder) ?? [];
      held.set(read.record.holder, names);
      names.push(entry.key.slice(taskPrefix.length));
    }
    return held;
  }

  /** The names of the tasks that this runtime has. */
  names(): string[] {
    return [...this.#listeners.keys()].map((key) => key.slice(taskPrefix.length));
  }

  /** The same, as a node tells them in its record. */
  toldNames(): string | null {
    return (this.#told ??= tellNames(this.names()));
  }

  /** Calls `listener` after every change of the record; returns the function that ends it, once the task is gone. */
  on(key: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    if (listeners.size === 0) this.#told = undefined;
    this.#listeners.set(key, listeners);
    this.#gone.delete(key);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.#listeners.delete(key);
      this.#told = undefined;
      this.#keepGone(key);
    };
  }

  /**
   * A task that is spawned again soon continues from its record. Where nothing outlives the process and no other runtime
   * looks, the records of tasks that have been gone for longer are deleted: names that are used once leave no memory.
   */
  #keepGone(key: string): void {
    this.#gone.add(key);
    if (this.#gone.size <= goneKept) return;
    const [oldest = key] = this.#gone;
    this.#gone.delete(oldest);
    const { place } = this;
    const entry = place?.view.get(oldest)?.entry;
    if (place?.epoch !== 0 || entry === undefined || (keepers.get(this.#store)?.size ?? 0) > 1) return;
    const read = readRecord(entry.value);
    if (read.kind === "record" && read.record.state === "running") return;
    place.map.delete(oldest, entry.revision).catch(() => undefined);
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    keepers.get(this.#store)?.delete(this);
    this.place = undefined;
    if (this.#retry !== undefined) this.#clock.clearTimeout(this.#retry);
    await this.#view?.close();
    this.#unlisten();
    await leaveStore(this.#store);
  }

  #take(event: StoreEvent): void {
    if (event.type === "online") {
      this.#noteAnswer(event.server);
      // What was put off while nothing could be written is looked at now, not at its next try.
      this.#wakeAll();
    } else if (event.type === "offline") this.#noteFailure(undefined, event.server);
    else this.#report.tell(event);
  }

  #wakeAll(): void {
    for (const listeners of [...this.#listeners.values()]) for (const listener of [...listeners]) listener();
  }

  /** An outage is told once, when it begins and when it ends, however many tasks run into it (`N14`). */
  #noteFailure(error: unknown, server?: string): void {
    if (this.#failed) return;
    this.#failed = true;
    const err = error === undefined ? {} : { err: toError(error) };
    this.#report.tell({ type: "offline", ...err, ...(server === undefined ? {} : { server }) });
  }

  #noteAnswer(server?: string): void {
    if (!this.#failed) return;
    this.#failed = false;
    this.#report.tell({ type: "online", ...(server === undefined ? {} : { server }) });
  }
}
