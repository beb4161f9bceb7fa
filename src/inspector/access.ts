import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { isLoopback, parseAuthority } from "./authority";
import { sameToken, type ParsedInspectorOptions } from "./options";

const cookieName = "ostinato-token";

/** Why a request is turned away, as a status and a sentence. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 421 | 429;
  readonly message: string;
  /** It brought a token, and a wrong one. */
  readonly wrongToken?: true;
}

const needsToken = "a token is needed: open the page as /?token=…, or send Authorization: Bearer …";

/** Who may ask for what. Each check returns undefined to let a request in. */
export class Access {
  readonly #options: ParsedInspectorOptions;

  constructor(options: ParsedInspectorOptions) {
    this.#options = options;
  }

  /** A page of another site may have had its own name resolved to our address: our own names only are answered. */
  checkHost(request: IncomingMessage): Refusal | undefined {
    const given = request.headersDistinct["host"] ?? [];
    const authority = given.length === 1 ? parseAuthority(given[0] ?? "") : undefined;
    if (authority === undefined) return { status: 400, message: "the Host header is not a host and its port" };
    const { name } = authority;
    const { host, allowedHosts } = this.#options;
    const wildcard = host === "0.0.0.0" || host === "::";
    const own =
      isLoopback(name) ||
      name === host ||
      allowedHosts.includes(name) ||
      (wildcard && (name === hostname().toLowerCase() || isIP(name) !== 0));
    if (own) return undefined;
    return { status: 421, message: `this inspector is not called ${JSON.stringify(name)}: see allowedHosts` };
  }

  /** Another site may send visitors here, and nothing else: a page of it cannot read answers, but can cause work. */
  checkSite({ headers }: IncomingMessage): Refusal | undefined {
    if (headers["sec-fetch-site"] !== "cross-site" || headers["sec-fetch-mode"] === "navigate") return undefined;
    return { status: 403, message: "a request of another site" };
  }

  /** Whether the request brings a token of any kind, right or wrong. */
  bringsToken(request: IncomingMessage, query: URLSearchParams): boolean {
    const { authorization, [header]: page } = request.headers;
    return authorization !== undefined || page !== undefined || query.has("token") || cookieOf(request) !== undefined;
  }

  checkToken(request: IncomingMessage): Refusal | undefined {
    const { token } = this.#options;
    if (token === undefined) return undefined;
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const cookie = cookieOf(request);
    if (sameToken(bearer, token) || sameToken(cookie, token)) return undefined;
    const wrong = bearer !== undefined || cookie !== undefined;
    return { status: 401, message: needsToken, ...(wrong ? { wrongToken: true } : {}) };
  }

  /** Writing needs more: our own page, or a program that was given the token; another site's page has neither. */
  checkWrite(request: IncomingMessage): Refusal | undefined {
    const { origin, host = "" } = request.headers;
    const site = request.headers["sec-fetch-site"];
    const ours = [`http://${host}`, `https://${host}`].map((one) => one.toLowerCase());
    if (origin !== undefined && !ours.includes(origin.toLowerCase())) {
      return { status: 403, message: "a request of another origin" };
    }
    if (site !== undefined && site !== "same-origin" && site !== "none") {
      return { status: 403, message: "a request of another site" };
    }
    const given = request.headers[header];
    const { actionToken, token } = this.#options;
    const text = typeof given === "string" ? given : undefined;
    if (sameToken(text, actionToken) || (token !== undefined && sameToken(text, token))) return undefined;
    const wrong = text !== undefined && text !== "";
    return {
      status: 403,
      message: `the header ${header} is missing or wrong`,
      ...(wrong ? { wrongToken: true } : {}),
    };
  }

  /** For a visitor who brings the token in the address: the cookie that keeps them. Undefined where none is needed. */
  admit(given: string): { readonly cookie: string } | Refusal | undefined {
    const { token } = this.#options;
    if (token === undefined) return undefined;
    if (!sameToken(given, token)) return { status: 401, message: needsToken, wrongToken: true };
    return { cookie: `${cookieName}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=/` };
  }
}

const header = "x-ostinato-token";

/** A cookie that cannot be decoded is none. */
function cookieOf(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? "").split(/; */)) {
    if (!part.startsWith(`${cookieName}=`)) continue;
    try {
      return decodeURIComponent(part.slice(cookieName.length + 1));
    } catch {
      return undefined;
    }
  }
  return undefined;
}
