import type { Entry, RevisionMap, Watch, WatchListener, Written } from "../store";
import { keyError } from "./arguments";
import type { FileDatabase } from "./file-database";
import {
  entryKey,
  entryPrefix,
  readEntry,
  revisionKey,
  revisionOf,
  spelledKey,
  writeEntry,
  writeGrave,
  type EntryRecord,
} from "./file-records";
import { FileWatches } from "./file-watch";

/** Deleted keys stay known to watchers of other processes until this many later ones have been deleted. */
const gravesKept = 10_000;
const gravesSlack = 1_000;

/** One map of a file store: what is read and written inside a transaction, and what is told to the watches. */
export class FileMap implements RevisionMap {
  private readonly watches: FileWatches;

  constructor(
    private readonly name: string,
    private readonly database: () => FileDatabase,
  ) {
    this.watches = new FileWatches(name, database, (prefix) => this.entries(prefix));
  }

  async get(key: string): Promise<Entry | undefined> {
    const database = this.database();
    database.refresh();
    const { revision, value } = stored(database, entryKey(this.name, key)) ?? {};
    return value === undefined || revision === undefined ? undefined : { key, value, revision };
  }

  async create(key: string, value: string): Promise<Written> {
    const wrong = keyError(key);
    if (wrong) throw wrong;
    const at = entryKey(this.name, key);
    return this.write((database) => {
      const old = stored(database, at);
      return old?.value !== undefined ? { ok: false } : this.put(database, key, at, value, old);
    });
  }

  async update(key: string, value: string, revision: number): Promise<Written> {
    const at = entryKey(this.name, key);
    return this.write((database) => {
      const old = stored(database, at);
      if (old?.value === undefined || old.revision !== revision) return { ok: false };
      return this.put(database, key, at, value, old);
    });
  }

  async delete(key: string, revision: number): Promise<Written> {
    const at = entryKey(this.name, key);
    return this.write((database) => {
      const old = stored(database, at);
      if (old?.value === undefined || old.revision !== revision) return { ok: false };
      return this.bury(database, key, at, old);
    });
  }

  async *list(prefix: string): AsyncGenerator<Entry> {
    this.database().refresh();
    yield* this.entries(prefix);
  }

  watch(prefix: string, listener: WatchListener): Watch {
    this.database();
    return this.watches.add(prefix, listener);
  }

  endWatches(): void {
    this.watches.end();
  }

  private write(change: (database: FileDatabase) => Written): Promise<Written> {
    const database = this.database();
    return database.write(() => change(database));
  }

  private put(database: FileDatabase, key: string, at: Buffer, value: string, old: EntryRecord | undefined): Written {
    const revision = this.advance(database, old);
    database.entries.putSync(at, writeEntry(key, at, value, revision));
    database.log.putSync(revisionKey(this.name, revision), `+${key}`);
    return { ok: true, revision };
  }

  private bury(database: FileDatabase, key: string, at: Buffer, old: EntryRecord): Written {
    const revision = this.advance(database, old);
    database.entries.putSync(at, writeGrave(revision));
    database.log.putSync(revisionKey(this.name, revision), `-${key}`);
    database.graves.putSync(revisionKey(this.name, revision), key);
    const counters = database.counters(this.name);
    counters.graves += 1;
    if (counters.graves > gravesKept + gravesSlack) this.trim(database);
    return { ok: true, revision };
  }

  /** Takes the next revision and forgets what the log said of the key so far. */
  private advance(database: FileDatabase, old: EntryRecord | undefined): number {
    const counters = database.counters(this.name);
    if (old) {
      const oldAt = revisionKey(this.name, old.revision);
      database.log.removeSync(oldAt);
      if (old.value === undefined && database.graves.removeSync(oldAt)) counters.graves -= 1;
    }
    counters.revision += 1;
    return counters.revision;
  }

  private trim(database: FileDatabase): void {
    const { entries, log, graves } = database;
    const counters = database.counters(this.name);
    const start = revisionKey(this.name, 0);
    const oldest = [...graves.getRange({ start, end: revisionKey(this.name, counters.revision), limit: gravesSlack })];
    for (const { key, value } of oldest) {
      entries.removeSync(entryKey(this.name, value));
      log.removeSync(key);
      graves.removeSync(key);
      counters.trimmed = revisionOf(key);
    }
    counters.graves -= oldest.length;
  }

  private *entries(prefix: string): Generator<Entry> {
    const start = entryPrefix(this.name, prefix);
    for (const { key: stored, value: record } of this.database().entries.getRange({ start })) {
      if (!stored.subarray(0, start.length).equals(start)) return;
      const { revision, value, key = spelledKey(this.name, stored) } = readEntry(record);
      if (value !== undefined && key.startsWith(prefix)) yield { key, value, revision };
    }
  }
}

function stored(database: FileDatabase, at: Buffer): EntryRecord | undefined {
  const record = database.entries.get(at);
  return record === undefined ? undefined : readEntry(record);
}
