import type { Change } from "../store";

/**
 * How the answer to a request is judged by somebody who also watches the store. Nothing orders answers against the
 * watch, so an answer may come long after the watch has delivered what happened since. Three rules keep it from undoing
 * newer knowledge, however late it comes:
 *
 * - The watch delivers in the order of revisions. An answer that shows a key at a revision that the watch has passed,
 *   where the watch left no such key behind, is older than the deletion of that key.
 * - An answer to a request that was sent before the watch was in doubt says nothing about the store since.
 * - An answer to a request that was sent after newer knowledge had arrived contradicts that knowledge: the store has
 *   lost writes, or it is another one.
 */
export interface Moment {
  /** Counts the doubts of the watch. */
  readonly generation: number;
  /** The watch had delivered every change up to this revision since the last doubt. */
  readonly delivered: number;
  /** The largest revision that was known since the last doubt, from the watch or from answers. */
  readonly highest: number;
}

/** `news` is to be taken over, `absent` means that the key is gone, `late` says nothing. */
export type Judgement = "news" | "absent" | "late" | "contradiction";

/**
 * @param change what the request has shown; a key that was found absent has no value, and revision 0.
 * @param known the revision at which the key is known since the last doubt, its deletion included; undefined if it is not.
 * @param now what has been seen by now.
 * @param sent what had been seen when the request was sent. Left out: a contradiction cannot be recognised.
 */
export function judgeAnswer(
  { value, revision }: Pick<Change, "value" | "revision">,
  known: number | undefined,
  now: Moment,
  sent?: Moment,
): Judgement {
  if (sent !== undefined && sent.generation !== now.generation) return "late";
  const newest = known ?? now.delivered;
  if (value === undefined && revision === 0) {
    // What was written after the request was sent may have come after its answer.
    return sent === undefined || newest <= sent.highest ? "absent" : "late";
  }
  if (known === undefined ? revision > newest : revision >= newest) return "news";
  if (sent === undefined) return "late";
  return newest <= (known === undefined ? sent.delivered : sent.highest) ? "contradiction" : "late";
}
