import { resolve } from "node:path";
import type { Store } from "../store";
import { readOptions, requireString } from "../validate";
import { checkMapName, closedError } from "./arguments";
import { FileDatabase } from "./file-database";
import { FileMap } from "./file-map";

export interface FileStoreOptions {
  /** The folder to keep the store in; made if it does not exist. On a local disk: network file systems lack the locks. */
  readonly path: string;
}

/**
 * A store in a folder of this machine (lmdb), which survives the process and which any number of processes of the
 * machine share. A write is acknowledged when it is committed: a killed process loses none.
 * `open()` rejects with ERR_STORE_PATH, ERR_STORE_CORRUPT or ERR_NEWER_VERSION; writes with ERR_STORE_FULL.
 */
export function fileStore(given: FileStoreOptions): Store {
  const options = readOptions("fileStore", given, ["path"]);
  const path = resolve(requireString("path", options.path));
  const description = `file ${path}`;
  const maps = new Map<string, FileMap>();
  let database: FileDatabase | undefined;
  let closed = false;

  const use = (): FileDatabase => {
    if (closed) throw closedError(description);
    return (database ??= FileDatabase.open(path));
  };
  return {
    description,
    shared: true,
    async open() {
      closed = false;
      use();
    },
    map(name) {
      checkMapName(name);
      let map = maps.get(name);
      if (!map) maps.set(name, (map = new FileMap(name, use)));
      return map;
    },
    epoch: async () => use().created,
    onEvent: () => () => undefined,
    async close() {
      closed = true;
      for (const map of maps.values()) map.endWatches();
      const closing = database;
      database = undefined;
      await closing?.close();
    },
  };
}
