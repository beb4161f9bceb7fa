import type { IncomingMessage } from "node:http";

const longestTarget = 4_096;
const longestBody = 20_000;

/** What a request asks for cannot be answered as it is; the message says what is wrong with it. */
export class BadRequest extends Error {
  constructor(
    readonly status: 400 | 413 | 414,
    message: string,
  ) {
    super(message);
    this.name = "BadRequest";
  }
}

export interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The path and query of a request. Paths are compared as they are: no address of ours needs encoding. @throws BadRequest */
export function targetOf({ url = "" }: IncomingMessage): Target {
  if (url.length > longestTarget) throw new BadRequest(414, "the address is too long");
  const [path = "", ...rest] = url.split("?");
  if (!path.startsWith("/") || path.startsWith("//")) throw new BadRequest(400, "the address is not a path");
  return { path, query: new URLSearchParams(rest.join("?")) };
}

/** A whole number in the query, cut to `most`. @throws BadRequest */
export function wholeNumber(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name) ?? "";
  if (text === "") return otherwise;
  if (!/^\d{1,15}$/.test(text)) throw new BadRequest(400, `${name}: expected a whole number, 0 or more`);
  return Math.min(most, Number(text));
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** The body, which must be one JSON object. Never resolves when the caller goes away before its end. @throws BadRequest */
export async function readObject(request: IncomingMessage): Promise<Map<string, unknown>> {
  const bytes = await readBody(request);
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return new Map(Object.entries(parsed));
  } catch {
    // The same answer as for JSON that is no object.
  }
  throw new BadRequest(400, "the body is not a JSON object");
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => {
      request.removeAllListeners("data");
      reject(new BadRequest(413, `the body is larger than ${String(longestBody)} bytes`));
    };
    if (Number(request.headers["content-length"] ?? 0) > longestBody) {
      tooLarge();
      return;
    }
    const parts: Buffer[] = [];
    let size = 0;
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size > longestBody) tooLarge();
      else parts.push(part);
    });
    request.once("end", () => resolve(Buffer.concat(parts)));
    request.once("error", () => undefined);
  });
}
