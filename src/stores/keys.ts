import { createHash } from "node:crypto";

/*
 * Any text as a legal NATS subject, and back. Dots stay dots, so that what lies under a prefix that ends in one can be
 * asked for by subject; of each part between them A-Z a-z 0-9 _ - stay as they are, every other byte of UTF-8 becomes
 * =HH, and an empty part becomes a single =. What would be longer than 200 bytes keeps its leading parts up to 100
 * bytes and ends in =h and a hash; the key itself then travels with the record.
 */
const longest = 200;
const keptOfLong = 100;
const plain = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const special = /[^A-Za-z0-9_-]/gu;

export function encodeKey(key: string): string {
  const encoded = plain.test(key) ? key : key.split(".").map(encodePart).join(".");
  if (encoded.length <= longest) return encoded;
  const hash = createHash("sha256").update(key, "utf8").digest("base64url");
  return [...leading(encoded.split(".")), `=h${hash}`].join(".");
}

/** Whether only a hash of the key is in the subject. */
export function isHashed(encoded: string): boolean {
  return encoded.includes("=h");
}

/** The key, or undefined if only its hash is in the subject, or if another program made the subject in its own way. */
export function decodeKey(encoded: string): string | undefined {
  if (plain.test(encoded)) return encoded;
  if (encoded.includes("=h")) return undefined;
  try {
    const key = encoded.split(".").map(decodePart).join(".");
    return encodeKey(key) === encoded ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The subject that every key under the prefix matches; others may match too. */
export function prefixSubject(prefix: string): string {
  const whole = prefix.split(".").slice(0, -1).map(encodePart);
  return [...leading(whole), ">"].join(".");
}

function leading(parts: readonly string[]): string[] {
  const kept: string[] = [];
  let length = 0;
  for (const part of parts) {
    length += part.length + 1;
    if (length > keptOfLong) break;
    kept.push(part);
  }
  return kept;
}

function encodePart(part: string): string {
  if (part === "") return "=";
  return part.replace(special, escape);
}

const escapes = new Map<string, string>();

/** Worked out once for each character of ASCII, of which ids are full. */
function escape(character: string): string {
  const known = escapes.get(character);
  if (known !== undefined) return known;
  const bytes = [...Buffer.from(character, "utf8")];
  const escaped = bytes.map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  if (bytes.length === 1) escapes.set(character, escaped);
  return escaped;
}

function decodePart(part: string): string {
  if (part === "=") return "";
  return part.includes("=") ? decodeURIComponent(part.replaceAll("=", "%")) : part;
}
