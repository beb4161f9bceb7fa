import type { IncomingMessage } from "node:http";
import { hostname } from "node:os";
import { isLoopback, sameToken, type ParsedInspectorOptions } from "./options";

const cookieName = "ostinato-token";

/** Why a request is turned away, as a status and a sentence; undefined lets it in. */
export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly message: string;
}

/** Who may ask for what. */
export class Access {
  readonly #options: ParsedInspectorOptions;

  constructor(options: ParsedInspectorOptions) {
    this.#options = options;
  }

  /** A page of another site may have had its own name resolved to our address: our own names only are answered. */
  checkHost(request: IncomingMessage): Refusal | undefined {
    const name = hostOf(request.headers.host);
    const { host, allowedHosts } = this.#options;
    const wildcard = host === "0.0.0.0" || host === "::";
    const own =
      isLoopback(name) ||
      name === host ||
      allowedHosts.includes(name) ||
      (wildcard && (name === hostname() || isAddress(name)));
    if (own) return undefined;
    return { status: 421, message: `this inspector is not called ${JSON.stringify(name)}: see allowedHosts` };
  }

  checkToken(request: IncomingMessage): Refusal | undefined {
    const { token } = this.#options;
    if (token === undefined) return undefined;
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (sameToken(bearer, token) || sameToken(cookieOf(request), token)) return undefined;
    return { status: 401, message: "a token is needed: open the page as /?token=…, or send Authorization: Bearer …" };
  }

  /** Writing needs more: our own page, or a program that was given the token; another site's page has neither. */
  checkWrite(request: IncomingMessage): Refusal | undefined {
    const { origin, host } = request.headers;
    const site = request.headers["sec-fetch-site"];
    if (origin !== undefined && origin !== `http://${host ?? ""}` && origin !== `https://${host ?? ""}`) {
      return { status: 403, message: "a request of another origin" };
    }
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      return { status: 403, message: "a request of another site" };
    }
    const given = request.headers["x-ostinato-token"];
    const { actionToken, token } = this.#options;
    const text = typeof given === "string" ? given : undefined;
    if (sameToken(text, actionToken) || (token !== undefined && sameToken(text, token))) return undefined;
    return { status: 403, message: "the header x-ostinato-token is missing or wrong" };
  }

  /** The cookie that keeps a visitor who came with the right token, or undefined. */
  admit(given: string | null): string | undefined {
    const { token } = this.#options;
    if (given === null || token === undefined || !sameToken(given, token)) return undefined;
    return `${cookieName}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=/`;
  }
}

function hostOf(header: string | undefined): string {
  const text = header ?? "";
  const bracketed = /^\[([^\]]+)\]/.exec(text)?.[1];
  return bracketed ?? text.replace(/:\d+$/, "").toLowerCase();
}

const isAddress = (name: string): boolean => /^[\d.]+$|^[\da-f:]*:[\da-f:.]*$/.test(name);

function cookieOf(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? "").split(/; */)) {
    if (part.startsWith(`${cookieName}=`)) return decodeURIComponent(part.slice(cookieName.length + 1));
  }
  return undefined;
}
