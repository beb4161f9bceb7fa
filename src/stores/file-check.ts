import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { corruptError } from "./file-errors";

/*
 * lmdb reads through a memory map, so that a page beyond the end of a truncated file is not an error but the end of the
 * process. The file may rightly be shorter than its header says (pages that were allocated and never written), so a
 * short file is walked: every page that is reached must be there.
 */

const magic = 0xbeefc0de;
const header = 24;
const maxBackOff = 3;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
  readonly roots: readonly bigint[];
}

/** Throws ERR_STORE_CORRUPT if what is at `file` is not a whole lmdb file. */
export function checkDataFile(folder: string, file: string): void {
  const descriptor = openSync(file, "r");
  try {
    for (let attempt = 1; ; attempt += 1) {
      const problem = findProblem(descriptor);
      if (problem === undefined) return;
      // Another process may write while we look: what is really broken is broken at the next look too.
      if (attempt === maxBackOff) throw corruptError(folder, problem);
    }
  } finally {
    closeSync(descriptor);
  }
}

function findProblem(descriptor: number): string | undefined {
  if (fstatSync(descriptor).size === 0) return undefined;
  const first = readMeta(descriptor, 0);
  if (!first) return "its data file does not begin as an lmdb file does";
  const second = readMeta(descriptor, first.pageSize);
  const meta = second && second.transaction > first.transaction ? second : first;
  const { size } = fstatSync(descriptor);
  if (size >= (meta.lastPage + 1) * meta.pageSize) return undefined;
  return meta.roots.every((root) => isWhole(descriptor, root, meta.pageSize, size))
    ? undefined
    : `its data file was cut short (${String(size)} bytes of ${String((meta.lastPage + 1) * meta.pageSize)})`;
}

function readMeta(descriptor: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(header + 136);
  if (readSync(descriptor, bytes, 0, bytes.length, offset) < bytes.length) return undefined;
  const body = bytes.subarray(header);
  if (body.readUInt32LE(0) !== magic) return undefined;
  const pageSize = body.readUInt32LE(24);
  if (pageSize < 512 || pageSize > 65_536) return undefined;
  return {
    pageSize,
    roots: [body.readBigUInt64LE(24 + 40), body.readBigUInt64LE(72 + 40)],
    lastPage: Number(body.readBigUInt64LE(120)),
    transaction: body.readBigUInt64LE(128),
  };
}

const noPage = 0xffff_ffff_ffff_ffffn;
const branchPage = 0x01;
const leafPage = 0x02;
const bigData = 0x01;
const subTable = 0x02;

function isWhole(descriptor: number, root: bigint, pageSize: number, size: number): boolean {
  if (root === noPage) return true;
  const offset = Number(root) * pageSize;
  if (offset + pageSize > size) return false;
  const page = Buffer.alloc(pageSize);
  readSync(descriptor, page, 0, pageSize, offset);
  const flags = page.readUInt16LE(18);
  if ((flags & (branchPage | leafPage)) === 0) return false;
  const nodes = (page.readUInt16LE(20) - header) >> 1;
  if (nodes < 0 || nodes > pageSize / 8) return false;
  for (let index = 0; index < nodes; index += 1) {
    // Node offsets count from the page's start in lmdb up to 0.9, from the end of its header since.
    const at = page.readUInt16LE(header + index * 2);
    if (at + 8 > pageSize) return false;
    if (!isNodeWhole(page, at, flags, (next) => isWhole(descriptor, next, pageSize, size), pageSize, size))
      return false;
  }
  return true;
}

function isNodeWhole(
  page: Buffer,
  at: number,
  flags: number,
  walk: (root: bigint) => boolean,
  pageSize: number,
  size: number,
): boolean {
  const low = page.readUInt32LE(at);
  const nodeFlags = page.readUInt16LE(at + 4);
  if (flags & branchPage) return walk(BigInt(low) | (BigInt(nodeFlags) << 32n));
  const data = at + 8 + page.readUInt16LE(at + 6);
  if (nodeFlags & subTable) return data + 48 <= page.length && walk(page.readBigUInt64LE(data + 40));
  if (!(nodeFlags & bigData)) return true;
  if (data + 8 > page.length) return false;
  return Number(page.readBigUInt64LE(data)) * pageSize + header + low <= size;
}
