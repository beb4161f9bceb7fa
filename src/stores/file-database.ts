import { statSync } from "node:fs";
import { join } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { OstinatoError } from "../errors";
import { checkDataFile } from "./file-check";
import { commitError, pathError } from "./file-errors";
import { prepareFolder } from "./file-path";
import { readCounters, writeCounters, type Counters } from "./file-records";

const format = "1";
const formatKey = Buffer.from("\0format");
const createdKey = Buffer.from("\0created");

type Table = Database<string, Buffer>;

interface Pending {
  run(): void;
  settle(): void;
  fail(error: OstinatoError): void;
}

/**
 * The lmdb environment behind every file store of this process on one path. Writes wait in a queue and go to disk
 * together: one transaction takes all that have gathered while the one before it was committed. A write is
 * acknowledged after the commit, so that a process killed at any moment loses none.
 */
export class FileDatabase {
  readonly dataFile: string;
  readonly created: number;
  readonly entries: Table;
  readonly log: Table;
  readonly graves: Table;
  private readonly countersTable: Table;
  private readonly root: RootDatabase<string, Buffer>;
  private readonly afterCommit = new Set<() => void>();
  private waiting: Pending[] = [];
  private committing: Promise<void> | undefined;
  private batchCounters = new Map<string, Counters>();
  private users = 0;
  /** A transaction has been asked for, and waits in another thread for this one to say what is to be written. */
  private isAwaited = false;
  private readonly onExit = (): void => {
    if (this.isAwaited) endAtOnce();
  };

  private constructor(readonly path: string) {
    this.dataFile = join(path, "data.mdb");
    checkDataFile(path, this.dataFile);
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the native module is loaded by those who use it
    const lmdb = require("lmdb") as typeof import("lmdb");
    this.root = lmdb.open<string, Buffer>({
      path,
      noSubdir: false,
      maxDbs: 8,
      encoding: "string",
      keyEncoding: "binary",
      // Batches are ours; lmdb's own leave a rejected promise behind that nobody can handle.
      eventTurnBatching: false,
    });
    const table = (name: string) =>
      this.root.openDB<string, Buffer>({ name, encoding: "string", keyEncoding: "binary" });
    this.entries = table("entries");
    this.log = table("log");
    this.graves = table("graves");
    this.countersTable = table("counters");
    this.created = this.root.transactionSync(() => this.checkFormat());
    process.on("exit", this.onExit);
  }

  /** The database of this folder, shared by every store of the process that names it. */
  static open(path: string): FileDatabase {
    try {
      const real = prepareFolder(path, warnOnce);
      let database = opened.get(real);
      if (!database) opened.set(real, (database = new FileDatabase(real)));
      database.users += 1;
      return database;
    } catch (error) {
      throw pathError(path, error);
    }
  }

  async close(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    opened.delete(this.path);
    while (this.committing) await this.committing;
    await this.root.close();
    process.off("exit", this.onExit);
  }

  /** Makes reads see every commit so far, those of other processes included. */
  refresh(): void {
    this.root.resetReadTxn();
  }

  /** Runs the change inside the next transaction; resolves with its answer once that is on disk. */
  write<T>(change: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let answer: T;
      this.waiting.push({
        run: () => (answer = change()),
        settle: () => {
          resolve(answer);
        },
        fail: reject,
      });
      this.committing ??= this.commit();
    });
  }

  /** The map's counters as the transaction at hand sees them; a change to them is written with it. */
  counters(map: string): Counters {
    let counters = this.batchCounters.get(map);
    if (!counters) this.batchCounters.set(map, (counters = this.storedCounters(map)));
    return counters;
  }

  storedCounters(map: string): Counters {
    return readCounters(this.countersTable.get(Buffer.from(map)));
  }

  onCommit(listener: () => void): () => void {
    this.afterCommit.add(listener);
    return () => this.afterCommit.delete(listener);
  }

  private async commit(): Promise<void> {
    while (this.waiting.length > 0) {
      let batch: Pending[] = [];
      try {
        this.isAwaited = true;
        await this.root.childTransaction(() => {
          batch = this.waiting;
          this.waiting = [];
          this.batchCounters = new Map();
          for (const pending of batch) pending.run();
          for (const [map, counters] of this.batchCounters) {
            this.countersTable.putSync(Buffer.from(map), writeCounters(counters));
          }
        });
        this.isAwaited = false;
        for (const pending of batch) pending.settle();
        for (const listener of this.afterCommit) listener();
      } catch (thrown) {
        this.isAwaited = false;
        if (batch.length === 0) [batch, this.waiting] = [this.waiting, []];
        const error = await commitError(this.path, thrown);
        for (const pending of batch) pending.fail(error);
      }
    }
    this.committing = undefined;
  }

  /** Records the store's age with its format; returns the age. */
  private checkFormat(): number {
    const found = this.countersTable.get(formatKey);
    if (found !== undefined && found !== format) {
      throw new OstinatoError(
        "ERR_NEWER_VERSION",
        `${this.path}: the store has format ${found}, this version reads ${format}; run the version that wrote it`,
      );
    }
    const created = this.countersTable.get(createdKey);
    if (created !== undefined) return Number(created);
    const { birthtimeMs, mtimeMs } = statSync(this.dataFile);
    const now = Math.floor((birthtimeMs || mtimeMs) / 1000);
    this.countersTable.putSync(formatKey, format);
    this.countersTable.putSync(createdKey, String(now));
    return now;
  }
}

const opened = new Map<string, FileDatabase>();

const warned = new Set<string>();

function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  process.emitWarning(message, { code: "OSTINATO_FILE_MODE" });
}

/**
 * `process.exit()` joins lmdb's thread, which waits for this one while a transaction begins: the process would hang for
 * ever and keep every other process from writing. It is killed once all other listeners have run.
 */
function endAtOnce(): void {
  const exiting = process as NodeJS.Process & { reallyExit: () => void };
  exiting.reallyExit = () => process.kill(process.pid, "SIGKILL");
}
