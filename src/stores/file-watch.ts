import { unwatchFile, watch as watchPath, watchFile, type FSWatcher } from "node:fs";
import type { Change, Entry, Watch, WatchListener } from "../store";
import type { FileDatabase } from "./file-database";
import { entryKey, readEntry, revisionKey, revisionOf } from "./file-records";
import { WatchIndex } from "./watch-index";

/** The slow look beside the notices of the system, which may be lost; milliseconds. */
const safetyLook = 1000;

interface FileWatch {
  readonly prefix: string;
  readonly listener: WatchListener;
  closed: boolean;
}

/**
 * The watches on one map. All of them follow the log from one position; what wakes them is a commit of this process, or
 * the system's notice that another one wrote to the data file.
 */
export class FileWatches {
  private readonly index = new WatchIndex<FileWatch>();
  private position = 0;
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly map: string,
    private readonly database: () => FileDatabase,
    private readonly entries: (prefix: string) => Iterable<Entry>,
  ) {}

  add(prefix: string, listener: WatchListener): Watch {
    const watch: FileWatch = { prefix, listener, closed: false };
    queueMicrotask(() => {
      if (!watch.closed) this.begin(watch);
    });
    return {
      close: () => {
        watch.closed = true;
        this.index.remove(prefix, watch);
        if (this.index.all().length === 0) this.stop();
        return Promise.resolve();
      },
    };
  }

  end(): void {
    for (const watch of this.index.all()) watch.closed = true;
    this.index.clear();
    this.stop();
  }

  private begin(watch: FileWatch): void {
    if (this.stopListening) {
      this.follow();
    } else {
      this.stopListening = this.listen();
      this.database().refresh();
      this.position = this.database().storedCounters(this.map).revision;
    }
    this.index.add(watch.prefix, watch);
    this.deliverAll(watch);
  }

  private deliverAll(watch: FileWatch): void {
    const all = [...this.entries(watch.prefix)].sort((a, b) => a.revision - b.revision);
    for (const entry of all) if (!watch.closed) watch.listener.change(entry);
    if (!watch.closed) watch.listener.current();
  }

  /** Delivers what was written since the last look. */
  private follow(): void {
    const database = this.database();
    database.refresh();
    const { revision, trimmed } = database.storedCounters(this.map);
    if (revision === this.position) return;
    if (this.position < trimmed || revision < this.position) {
      this.startAnew(revision);
      return;
    }
    const start = revisionKey(this.map, this.position + 1);
    const end = revisionKey(this.map, revision + 1);
    const changes: [Change, readonly FileWatch[]][] = [];
    for (const { key: at, value: note } of database.log.getRange({ start, end })) {
      const key = note.slice(1);
      const watches = this.index.concerning(key);
      if (watches.length > 0) changes.push([this.change(key, note, revisionOf(at)), watches]);
    }
    this.position = revision;
    for (const [change, watches] of changes) {
      for (const watch of watches) if (!watch.closed) watch.listener.change(change);
    }
  }

  private change(key: string, note: string, revision: number): Change {
    const record = note.startsWith("+") ? this.database().entries.get(entryKey(this.map, key)) : undefined;
    return { key, revision, value: record === undefined ? undefined : readEntry(record).value };
  }

  /** Deletions that were trimmed away before they were seen cannot be told one by one. */
  private startAnew(revision: number): void {
    this.position = revision;
    for (const watch of this.index.all()) {
      if (!watch.closed) watch.listener.doubt();
      if (!watch.closed) this.deliverAll(watch);
    }
  }

  private listen(): () => void {
    const database = this.database();
    const follow = () => {
      if (this.stopListening) this.follow();
    };
    const stopCommits = database.onCommit(follow);
    watchFile(database.dataFile, { interval: safetyLook, persistent: false }, follow);
    let notices: FSWatcher | undefined;
    try {
      notices = watchPath(database.dataFile, { persistent: false }, follow);
      notices.on("error", () => notices?.close());
    } catch {
      // A system that has no notices left to give (the limit of inotify) leaves us the slow look.
    }
    return () => {
      stopCommits();
      unwatchFile(database.dataFile, follow);
      notices?.close();
    };
  }

  private stop(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }
}
