import { OstinatoError, toError, type ErrorCode } from "../errors";
import { isError, read as readField } from "../foreign";
import type { GivenUp } from "../rules/completion";
import type { QueueRecord } from "../rules/queue-record";
import type { Entry, RevisionMap } from "../store";
import { show } from "../validate";

/** What could not be accepted, or was given up. */
export interface DeadLetter {
  /** Names this letter: for `retryDeadLetter` and `removeDeadLetter`. */
  key: string;
  /** `refused`: it could not be accepted. `crashed`: every process that ran it died meanwhile. */
  reason: GivenUp | "refused";
  /** The task's id; undefined where none could be read. */
  id: string | undefined;
  /** The task's payload; of what could not be read, the beginning of it as text. */
  payload: unknown;
  /** The message of the last error. */
  error: string;
  /** Its code, if it had one. */
  code?: string;
  /** How often it was tried. */
  attempts: number;
  /** Milliseconds of the wall of the process that gave it up. */
  at: number;
  /** The node that gave it up. */
  node: string;
  /** Of what a producer published: what it was to do, and its text, or only the beginning of that. */
  message?: { kind: "assign" | "remove"; text: string; isWhole: boolean };
}

/** What a letter is made from. */
export type NewDeadLetter = Omit<DeadLetter, "key">;

/** The dead letters of one queue in one store, each under a key that begins with its time. */
export class DeadLetters {
  readonly #map: RevisionMap;

  constructor(map: RevisionMap) {
    this.#map = map;
  }

  /** Who writes under the same id, and since the same time, twice writes once. */
  async add(letter: NewDeadLetter, { since, id }: { since: number; id: string }): Promise<void> {
    const key = `${since.toString(36).padStart(9, "0")}-${id}`;
    await this.#map.create(key, JSON.stringify({ v: 1, ...letter }));
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

/** The letter of a task that was given up. */
export function letterOf(
  record: QueueRecord,
  reason: GivenUp,
  thrown: Error | undefined,
  where: Pick<DeadLetter, "at" | "node">,
): NewDeadLetter {
  const error = reason === "discarded" && isError(thrown?.cause) ? toError(thrown.cause) : thrown;
  return {
    reason,
    id: record.id,
    payload: record.payload,
    error: error?.message ?? "unknown",
    ...codeOf(error),
    attempts: record.attempt,
    ...where,
  };
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
    return v === 1 ? { ...letter, key } : undefined;
  } catch {
    return undefined;
  }
}
