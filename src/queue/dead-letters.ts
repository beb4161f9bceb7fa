import { OstinatoError, toError, type ErrorCode } from "../errors";
import { isError, read as readField } from "../foreign";
import { beginningOf, type Attempt } from "../rules/attempts";
import type { GivenUp } from "../rules/completion";
import type { QueueRecord } from "../rules/queue-record";
import type { Entry, RevisionMap } from "../store";
import { show } from "../validate";

/** What could not be accepted, or was given up. */
export interface DeadLetter {
  /** Names this letter: for `retryDeadLetter` and `removeDeadLetter`. */
  key: string;
  /** `refused`: it could not be accepted. `crashed`: it ran alone, and its process died. */
  reason: GivenUp | "refused";
  /** The task's id; undefined where none could be read. */
  id: string | undefined;
  /** The task's payload; of what could not be read, the beginning of it as text. */
  payload: unknown;
  /** Present where the payload was too large for a letter: `payload` is the beginning of its JSON text. */
  isCut?: true;
  /** The message of the last error, or the first 4,096 characters of it. */
  error: string;
  /** Its code, if it had one. */
  code?: string;
  /** How often it was tried. */
  attempts: number;
  /** The last 20 attempts, the oldest first, each as it was; of what was never run: absent. */
  runs?: Attempt[];
  /** Milliseconds of the wall of the process that gave it up. */
  at: number;
  /** The node that gave it up. */
  node: string;
  /** Of what a producer published: what it was to do, and its text, or only the beginning of that. */
  message?: { kind: "assign" | "remove"; text: string; isWhole: boolean };
}

const longestError = 4_096;
const brieferError = 200;

/** What a letter is made from. */
export type NewDeadLetter = Omit<DeadLetter, "key">;

/** The dead letters of one queue in one store, each under a key that begins with its time. */
export class DeadLetters {
  readonly #map: RevisionMap;

  constructor(map: RevisionMap) {
    this.#map = map;
  }

  /**
   * Who writes under the same id, and since the same time, twice writes once. What is too large for the store loses the
   * texts of its attempts, and then the end of its payload.
   */
  async add(letter: NewDeadLetter, { since, id }: { since: number; id: string }): Promise<void> {
    const key = `${since.toString(36).padStart(9, "0")}-${id}`;
    const shorter = [briefly, withoutPayload];
    for (let given = letter; ;) {
      try {
        await this.#map.create(key, JSON.stringify({ v: 1, ...given }));
        return;
      } catch (error) {
        const shorten = codeOf(error).code === "ERR_INVALID_PAYLOAD" ? shorter.shift() : undefined;
        if (shorten === undefined) throw error;
        given = shorten(given);
      }
    }
  }

  async get(key: string): Promise<DeadLetter | undefined> {
    const entry = await this.#map.get(key);
    return entry && read(entry);
  }

  async remove(key: string): Promise<boolean> {
    const entry = await this.#map.get(key);
    return entry !== undefined && (await this.#map.delete(key, entry.revision)).ok;
  }

  async *list(): AsyncGenerator<DeadLetter> {
    for await (const entry of this.#map.list("")) {
      const letter = read(entry);
      if (letter !== undefined) yield letter;
    }
  }
}

export interface Ending extends Pick<DeadLetter, "at" | "node"> {
  readonly reason: GivenUp;
  readonly error: Error | undefined;
  readonly runs: readonly Attempt[];
}

/** The letter of a task that was given up. */
export function letterOf(record: QueueRecord, { reason, error: thrown, runs, at, node }: Ending): NewDeadLetter {
  const error = reason === "discarded" && isError(thrown?.cause) ? toError(thrown.cause) : thrown;
  const shown = runs.map((run) => ({ ...run, by: undefined }));
  return {
    reason,
    id: record.id,
    payload: record.payload,
    error: beginningOf(error?.message ?? "unknown", longestError),
    ...codeOf(error),
    attempts: record.attempt,
    ...(shown.length === 0 ? {} : { runs: shown }),
    ...{ at, node },
  };
}

function briefly({ runs, ...letter }: NewDeadLetter): NewDeadLetter {
  const brief = runs?.map((run) => ({ ...run, error: undefined }));
  const error = beginningOf(letter.error, brieferError);
  return { ...letter, error, ...(brief === undefined ? {} : { runs: brief }) };
}

function withoutPayload({ payload, ...letter }: NewDeadLetter): NewDeadLetter {
  return { ...letter, payload: beginningOf(JSON.stringify(payload) ?? "", longestError), isCut: true };
}

/** The code of an error that has one. */
export function codeOf(error: unknown): { code?: string } {
  const code = readField(error, "code");
  return typeof code === "string" ? { code } : {};
}

/** @throws OstinatoError ERR_UNKNOWN_TASK */
export function unknownLetter(key: string): never {
  const code: ErrorCode = "ERR_UNKNOWN_TASK";
  throw new OstinatoError(code, `there is no dead letter ${show(key)}: deadLetters() lists their keys`);
}

function read({ key, value }: Entry): DeadLetter | undefined {
  try {
    const { v, ...letter } = JSON.parse(value) as DeadLetter & { v: number };
    const isOurs = v === 1 && typeof letter.reason === "string" && typeof letter.error === "string";
    return isOurs ? { ...letter, key } : undefined;
  } catch {
    return undefined;
  }
}
