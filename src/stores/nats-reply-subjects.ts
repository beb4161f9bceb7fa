import { refuse } from "../validate";

/** Tokens of what may stand in a subject and means only itself. */
const plainTokens = /^[^\s.*>\p{C}]+(?:\.[^\s.*>\p{C}]+)*\.?$/u;
const longest = 512;

/** What the last token of each inbox of a store begins with. */
export const inboxMark = "ostinato-";

/**
 * Prefixes of subjects, each ending in a dot.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function parseReplyPrefixes(given: unknown, namespace: string): string[] {
  const prefixes = given ?? ["_INBOX."];
  const needed = 'a list of prefixes of inboxes, such as ["_INBOX."], none of which begins with "$" or the namespace';
  if (!Array.isArray(prefixes)) refuse("replyPrefixes", needed, given);
  return (prefixes as unknown[]).map((prefix) => {
    const isOne = typeof prefix === "string" && plainTokens.test(prefix) && !prefix.startsWith("$");
    const whole = isOne ? prefix.replace(/\.?$/, ".") : "";
    if (!isOne || whole.startsWith(`${namespace}.`)) return refuse("replyPrefixes", needed, prefix);
    return whole;
  });
}

/**
 * Why nothing may be sent to the reply subject of a request; undefined where it is an inbox. A producer that may publish
 * to one subject could otherwise have a worker, which may do more, publish anywhere.
 */
export function replyRefusal(
  reply: string,
  { replyPrefixes, own }: { replyPrefixes: readonly string[]; own: string | undefined },
): string | undefined {
  if (reply.length > longest || reply.endsWith(".") || !plainTokens.test(reply)) return "is no plain subject";
  const isOwn = own !== undefined && reply.startsWith(`${own}.`);
  if (isOwn || reply.includes(`.${inboxMark}`)) return "is an inbox of the processes of the queue";
  if (replyPrefixes.some((prefix) => reply.startsWith(prefix))) return undefined;
  const allowed = replyPrefixes.map((prefix) => JSON.stringify(`${prefix}>`)).join(", ");
  return `is outside ${allowed === "" ? "the empty list" : allowed} of replyPrefixes`;
}
