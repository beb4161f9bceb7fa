import { toError } from "../foreign";
import { createReadStream, fstatSync, statSync } from "node:fs";
import { OstinatoError } from "../index";

/** A line of a file or of standard input. `text` is undefined when it is no UTF-8, or longer than any task can be. */
export interface InputLine {
  /** For people: `tasks.jsonl:3`, or `line 3` of standard input. */
  readonly place: string;
  readonly text: string | undefined;
}

const longestLine = 16 * 1_024 * 1_024;
const newline = 10;

/** Input that is read as it is used: only a chunk and a line of it are in memory. */
export class InputLines {
  /** Bytes that have been read so far. */
  bytes = 0;
  /** Bytes that there are; undefined for a pipe or a terminal. */
  readonly total: number | undefined;
  readonly #paths: readonly string[];

  /**
   * @param paths `-` is standard input; none at all means that too.
   * @throws OstinatoError ERR_USAGE when one is no file that there is.
   */
  constructor(paths: readonly string[]) {
    this.#paths = paths.length === 0 ? ["-"] : paths;
    const sizes = this.#paths.map(sizeOf);
    this.total = sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  }

  /** All lines that hold more than blanks. */
  async *[Symbol.asyncIterator](): AsyncGenerator<InputLine> {
    for (const path of this.#paths) {
      let number = 0;
      for await (const line of this.#split(read(path))) {
        number += 1;
        const text = line && decode(line);
        const place = path === "-" ? `line ${number}` : `${path}:${number}`;
        if (text?.trim() !== "") yield { place, text };
      }
    }
  }

  /** Undefined stands for a line that is too long. */
  async *#split(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined> {
    let parts: Buffer[] = [];
    let length = 0;
    const take = (last: Buffer): Buffer | undefined => {
      const line = length + last.length > longestLine ? undefined : Buffer.concat([...parts, last]);
      parts = [];
      length = 0;
      return line;
    };
    for await (const chunk of stream) {
      this.bytes += chunk.length;
      let start = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        yield take(chunk.subarray(start, end));
        start = end + 1;
      }
      if (length <= longestLine) parts.push(chunk.subarray(start));
      else parts = [];
      length += chunk.length - start;
    }
    if (length > 0) yield take(Buffer.alloc(0));
  }
}

const nameOf = (path: string): string => (path === "-" ? "standard input" : path);

/** @throws OstinatoError ERR_USAGE when it cannot be read. */
async function* read(path: string): AsyncGenerator<Buffer> {
  try {
    yield* (path === "-" ? process.stdin : createReadStream(path)) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new OstinatoError("ERR_USAGE", `${nameOf(path)}: it cannot be read: ${toError(cause).message}`, { cause });
  }
}

/** A byte order mark is no part of a line; a carriage return is blank to JSON. */
function decode(line: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch {
    return undefined;
  }
}

function sizeOf(path: string): number | undefined {
  const stats = path === "-" ? fstatSync(0) : statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new OstinatoError("ERR_USAGE", `${nameOf(path)}: there is no such file`);
  if (stats.isDirectory()) throw new OstinatoError("ERR_USAGE", `${nameOf(path)}: it is a folder`);
  return stats.isFile() ? stats.size : undefined;
}
