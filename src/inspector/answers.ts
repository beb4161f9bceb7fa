import type { IncomingMessage, ServerResponse } from "node:http";
import { hasBody } from "./requests";

const safety = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

/** So much of a body that nobody reads is let in, so that its sender gets to see the answer. */
const mostDiscarded = 4_000_000;

/** One request on its way to its one answer. */
export class Exchange {
  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {
    for (const [name, value] of Object.entries(safety)) response.setHeader(name, value);
    // A caller that goes away is no error of ours.
    response.on("error", () => undefined);
  }

  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.send(status, JSON.stringify(body), {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      ...headers,
    });
  }

  refuse(status: number, message: string, headers: Record<string, string> = {}): void {
    this.json(status, { error: message }, headers);
  }

  send(status: number, body: string, headers: Record<string, string>): void {
    const { request, response } = this;
    if (response.headersSent || response.destroyed) return;
    const unread = !request.complete && hasBody(request);
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      ...headers,
      "content-length": bytes.length,
      ...(unread ? { connection: "close" } : {}),
    });
    if (!unread) {
      response.end(bytes);
      return;
    }
    response.write(bytes);
    this.#discard(() => response.end());
  }

  /** Reads the rest of the body away; the server's own time limit for requests ends a body that has no end. */
  #discard(done: () => void): void {
    const { request } = this;
    let left = mostDiscarded;
    request.on("data", (part: Buffer) => {
      left -= part.length;
      if (left < 0) done();
    });
    request.once("end", done);
  }
}
