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
  const first = await write(map, key, value, revision).catch((error: unknown) => {
    if (error instanceof OstinatoError && error.code === "ERR_STORE_UNKNOWN") return undefined;
    throw error;
  });
  if (first?.ok === true) return first;
  let entry = await map.get(key);
  if (first !== undefined) return { ok: false, entry };
  if ((entry?.revision ?? 0) === revision) {
    const second = await write(map, key, value, revision);
    if (second.ok) return second;
    entry = await map.get(key);
  }
  return entry?.value === value ? { ok: true, revision: entry?.revision ?? revision } : { ok: false, entry };
}

function write(map: RevisionMap, key: string, value: string | undefined, revision: number): Promise<Written> {
  if (value === undefined) return map.delete(key, revision);
  return revision === 0 ? map.create(key, value) : map.update(key, value, revision);
}
