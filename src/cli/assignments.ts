import { OstinatoError, type Assignment, type Queue } from "../index";
import { readAssignmentText } from "../rules/producer-message";
import type { InputLine } from "./lines";
import type { Rejections } from "./rejections";

/** An assignment as somebody wrote it, and where. */
export interface Given {
  readonly place: string;
  readonly assignment: Assignment;
}

/** So many are assigned before all of them are waited for: it bounds how many ids are remembered. */
const longestStretch = 50_000;

/** @throws OstinatoError ERR_INVALID_PAYLOAD when it is no JSON, ERR_INVALID_OPTION when it is no task, ERR_INVALID_ID. */
export function readAssignmentLine({ text }: Pick<InputLine, "text">): Assignment {
  if (text === undefined) {
    throw new OstinatoError("ERR_INVALID_PAYLOAD", "the line is no UTF-8, or longer than 16 MB");
  }
  return readAssignmentText(text);
}

/** What can be read of the lines; what cannot is a rejection, and stops nothing. */
export async function* readAssignments(lines: AsyncIterable<InputLine>, rejections: Rejections): AsyncGenerator<Given> {
  for await (const line of lines) {
    try {
      yield { place: line.place, assignment: readAssignmentLine(line) };
    } catch (error) {
      if (!(error instanceof OstinatoError)) throw error;
      rejections.add(line.place, error.code, error.message);
    }
  }
}

/** Assigns all; of several with the same id the last one stays. */
export async function assignAll(
  queue: Queue,
  given: AsyncGenerator<Given>,
  rejections: Rejections,
  onProgress: (done: number) => void,
): Promise<{ created: number; updated: number }> {
  const sum = { created: 0, updated: 0 };
  let before = 0;
  let held = await given.next();
  /** Until an id comes again: those of one stretch are assigned at the same time. */
  async function* stretch(places: WeakMap<object, string>): AsyncGenerator<Assignment> {
    const ids = new Set<unknown>();
    while (held.done !== true && ids.size < longestStretch) {
      const { place, assignment } = held.value;
      if (ids.has(assignment.id)) return;
      ids.add(assignment.id);
      places.set(assignment, place);
      yield assignment;
      held = await given.next();
    }
  }
  while (held.done !== true) {
    const places = new WeakMap<object, string>();
    const { created, updated, rejected } = await queue.assignMany(stretch(places), {
      onProgress: (done) => onProgress(before + done),
      onRejected: (assignment, error) => {
        const code = error instanceof OstinatoError ? error.code : undefined;
        rejections.add(places.get(assignment as object) ?? "", code, error.message);
      },
    });
    sum.created += created;
    sum.updated += updated;
    before += created + updated + rejected;
  }
  return sum;
}
