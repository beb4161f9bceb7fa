import { OstinatoError } from "../errors";
import type { Entry, RevisionMap, Written } from "../store";

/** A conflict comes with what stands there instead. */
export type SureAnswer =
  { readonly ok: true; readonly revision: number } | { readonly ok: false; readonly entry: Entry | undefined };

/**
 * A conditional write, its answer known: where none came the record is read again, and if it does not show the write,
 * this is tried once more, which the first attempt, applied late, would make fail and be recognised.
 *
 * @param value undefined deletes.
 * @param revision 0 creates.
 * @throws OstinatoError as the store's calls do; ERR_STORE_UNKNOWN when both attempts got no answer.
 */
export async function writeSurely(
  map: RevisionMap,
  key: string,
  value: string | undefined,
  revision: number,
): Promise<SureAnswer> {
  for (let unanswered = false; ;) {
    try {
      const answer = await write(map, key, value, revision);
      if (answer.ok) return answer;
    } catch (error) {
      if (unanswered || !(error instanceof OstinatoError) || error.code !== "ERR_STORE_UNKNOWN") throw error;
      unanswered = true;
      const entry = await map.get(key);
      if ((entry?.revision ?? 0) === revision) continue;
    }
    const entry = await map.get(key);
    // What stands there is this write only if it may have been made without an answer.
    if (unanswered && entry?.value === value) return { ok: true, revision: entry?.revision ?? revision };
    return { ok: false, entry };
  }
}

function write(map: RevisionMap, key: string, value: string | undefined, revision: number): Promise<Written> {
  if (value === undefined) return map.delete(key, revision);
  return revision === 0 ? map.create(key, value) : map.update(key, value, revision);
}
