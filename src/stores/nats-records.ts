import type { Msg, MsgHdrs } from "nats";
import { isHashed } from "./keys";
import { headerBytes } from "./nats-exchange";

const expected = "Nats-Expected-Last-Subject-Sequence";
const operation = "KV-Operation";
/** Where only a key's hash is in the subject, the key itself, in base64. */
const fullKey = "Ostinato-Key";

/** How long the server remembers that a key was deleted, in seconds. A watch that was away longer loads anew. */
export const marksKept = 120;

/** The headers of a write that is to win only at this revision; 0 is a key that does not exist. */
export function valueHeaders(encoded: string, key: string, revision: number): MsgHdrs {
  return headerBytes(`${expected}: ${String(revision)}\r\n${keyLine(encoded, key)}`);
}

/**
 * The headers of a deletion: a mark that replaces the key's message as any write does, and goes by itself where servers
 * can do that. It is no rollup: at one of those nats-server 2.9 lets the consumers of the stream skip what they have not
 * delivered yet.
 */
export function markHeaders(encoded: string, key: string, revision: number, expires: boolean): MsgHdrs {
  const life = expires ? `Nats-TTL: ${String(marksKept)}s\r\n` : "";
  return headerBytes(`${operation}: DEL\r\n${life}${expected}: ${String(revision)}\r\n${keyLine(encoded, key)}`);
}

function keyLine(encoded: string, key: string): string {
  if (!isHashed(encoded)) return "";
  return `${fullKey}: ${Buffer.from(key, "utf8").toString("base64")}\r\n`;
}

/** Whether a delivered message marks a deletion. Headers are looked at only where there is no value. */
export function isMark(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.has(operation) === true;
}

export function keyHeader(message: Msg): string | undefined {
  const text = message.headers?.get(fullKey);
  return text ? Buffer.from(text, "base64").toString("utf8") : undefined;
}

/** A message as the leader's message interface gives it: parts in base64. */
export interface StoredMessage {
  readonly seq: number;
  /** When it was stored: RFC 3339, to the nanosecond. */
  readonly time?: string;
  readonly hdrs?: string;
  readonly data?: string;
}

/** The same as nanoseconds since 1970, which is how a delivered message tells it. */
export function storedAt({ time = "" }: StoredMessage): string {
  const [, second = "", fraction = ""] = /^(.*:\d\d)(?:\.(\d+))?/.exec(time) ?? [];
  return `${String(Date.parse(`${second}Z`) / 1000)}${fraction.padEnd(9, "0")}`;
}

export function storedValue(message: StoredMessage): string | undefined {
  const headers = message.hdrs ? Buffer.from(message.hdrs, "base64").toString("latin1") : "";
  if (!message.data && headers.includes(`\r\n${operation}:`)) return undefined;
  return Buffer.from(message.data ?? "", "base64").toString("utf8");
}
