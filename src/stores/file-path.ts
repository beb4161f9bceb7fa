import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  type Stats,
} from "node:fs";
import { dirname, join } from "node:path";
import { OstinatoError } from "../errors";

/** What lmdb keeps in the folder. */
const ownFiles = ["data.mdb", "lock.mdb"];
/** A link is not followed, and nothing that is no file is waited for. Where the system has no such flags they are 0. */
const careful = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The folder of a store, made with its files if they do not exist: the folder for its owner alone (0700), and the files
 * (0600). Returns its real path: `path` itself may be a link, but a file of the store may not.
 *
 * @throws OstinatoError ERR_STORE_PATH, and what the file system throws
 */
export function prepareFolder(path: string, warn: (message: string) => void): string {
  const made = makeFolder(path);
  try {
    const folder = realpathSync(path);
    const modes = ownFiles.map((name) => prepareFile(path, join(folder, name)));
    if (process.getuid === undefined) return folder;
    const holdsMore = readdirSync(folder).some((name) => !ownFiles.includes(name));
    modes.push(tightenFolder(folder, !holdsMore));
    if (modes.some((mode) => (mode & 0o002) !== 0)) {
      warn(`${path}: every user of this machine can write to the store; chmod 700 the folder and chmod 600 its files`);
    }
    return folder;
  } catch (error) {
    if (made) removeEmpty(path);
    throw error;
  }
}

/**
 * Node's own recursive mkdir never returns where a folder cannot be made and the system says that it does not exist, as
 * below /proc.
 */
function makeFolder(path: string): boolean {
  const known = statSync(path, { throwIfNoEntry: false });
  if (known !== undefined) {
    if (!known.isDirectory()) throw notAFolder(path);
    return false;
  }
  const missing: string[] = [];
  for (
    let folder = dirname(path);
    statSync(folder, { throwIfNoEntry: false }) === undefined;
    folder = dirname(folder)
  ) {
    if (folder === dirname(folder)) break;
    missing.unshift(folder);
  }
  for (const folder of missing) makeOne(folder, 0o777);
  return makeOne(path, 0o700);
}

/** Returns false if somebody else made it at the same moment. */
function makeOne(folder: string, mode: number): boolean {
  try {
    mkdirSync(folder, { mode });
    return true;
  } catch (error) {
    const isThere = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isThere && (error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // It holds something by now: it stays.
  }
}

/** Returns the file's mode. */
function prepareFile(path: string, file: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | careful, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ELOOP" || code === "EMLINK") throw notAFile(path, file, "a link");
    if (code === "EISDIR" || code === "ENXIO" || code === "ENODEV") throw notAFile(path, file, "no file");
    throw error;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw notAFile(path, file, "no file");
    if (stats.nlink > 1) throw notAFile(path, file, "a file that has another name elsewhere (a hard link)");
    return tighten(descriptor, stats);
  } finally {
    closeSync(descriptor);
  }
}

/** A folder that holds other things than the store keeps its mode. */
function tightenFolder(folder: string, isOurs: boolean): number {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | careful);
  try {
    const stats = fstatSync(descriptor);
    return isOurs ? tighten(descriptor, stats) : stats.mode & 0o777;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Takes from the group and from others the right to look at what they could not use anyway: a store takes reading and
 * writing. Who has both was given them on purpose. Returns the mode as it is then.
 */
function tighten(descriptor: number, { mode, uid }: Stats): number {
  const useful = [0o070, 0o007].filter((all) => (mode & all & 0o066) === (all & 0o066));
  const kept = mode & useful.reduce((sum, all) => sum | all, 0o7700);
  if (uid !== process.geteuid?.() || kept === (mode & 0o7777)) return mode & 0o777;
  fchmodSync(descriptor, kept);
  return kept & 0o777;
}

function notAFolder(path: string): OstinatoError {
  return new OstinatoError(
    "ERR_STORE_PATH",
    `${path}: this is not a folder; give the path of a folder, which is made if it does not exist`,
  );
}

function notAFile(path: string, file: string, what: string): OstinatoError {
  return new OstinatoError(
    "ERR_STORE_PATH",
    `${path}: ${file} is ${what}, and a store does not follow it out of its folder; move it away, or choose another path`,
  );
}
