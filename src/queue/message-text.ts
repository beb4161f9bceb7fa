import { OstinatoError } from "../errors";
import { fingerprint } from "../identity";
import type { IntakeMessage } from "../store";
import type { NewDeadLetter } from "./dead-letters";

/** What a refused message is kept with, in characters: enough to see what it was, not enough to fill a store soon. */
const kept = 4_096;
export const keptError = 1_000;

/** Stands for all that makes two messages copies of each other. */
export function contentOf({ kind, body, messageId }: Pick<IntakeMessage, "kind" | "body" | "messageId">): string {
  return messageId === undefined ? fingerprint(kind, body) : fingerprint(kind, body, messageId);
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws OstinatoError ERR_INVALID_PAYLOAD */
export function textOf(body: Uint8Array): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new OstinatoError("ERR_INVALID_PAYLOAD", "it is no UTF-8", { cause });
  }
}

/** The beginning of it, whatever it holds. */
export function beginningOf(body: Uint8Array): string {
  return Buffer.from(body).toString("utf8").slice(0, kept);
}

/** What the dead letter of a refused message keeps of it: the beginning, unless `isWhole`. */
export function refusalOf(
  { kind, body }: IntakeMessage,
  isWhole: boolean,
): Pick<NewDeadLetter, "id" | "payload" | "attempts"> & {
  reason: "refused";
  message: NonNullable<NewDeadLetter["message"]>;
} {
  const text = Buffer.from(body).toString("utf8");
  const most = isWhole ? text.length : kept;
  const message = { kind, text: text.slice(0, most), isWhole: text.length <= most };
  return { reason: "refused", ...partsOf(text), message, attempts: 0 };
}

/** The id and the payload, where they can be read; otherwise the beginning of the text. */
function partsOf(text: string): Pick<NewDeadLetter, "id" | "payload"> {
  try {
    const { id, payload } = JSON.parse(text) as { id?: unknown; payload?: unknown };
    const isSmall = text.length <= kept;
    if (typeof id === "string" && id.length <= kept) return { id, payload: isSmall ? payload : text.slice(0, kept) };
  } catch {
    // The letter's error says why.
  }
  return { id: undefined, payload: text.slice(0, kept) };
}
