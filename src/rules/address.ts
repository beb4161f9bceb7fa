import { OstinatoError } from "../errors";

/** The address of a server, taken apart. `text` may be shown and logged; everything in `credentials` is secret. */
export interface Address {
  /** `host`, `host:port` or either behind `nats://` or `tls://`. */
  readonly text: string;
  readonly tls: boolean;
  readonly credentials: { readonly user?: string; readonly pass?: string; readonly token?: string };
  /** Every spelling in which a part of the address could give a secret away. */
  readonly secrets: readonly string[];
}

const scheme = /^(nats|tls):\/\//i;
const name = String.raw`[\p{L}\p{N}._-]+`;
const ipv6 = String.raw`\[[\da-f:.]+(?:%[\w.-]+)?\]`;
const place = new RegExp(String.raw`^(?:${ipv6}|${name})(?::(\d{1,5}))?$`, "iu");
const bareIpv6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*$/i;

/**
 * Whether what stands before the last `@` may be something else than credentials: a host with its path or query, or
 * other addresses. Where the secret begins and ends is unknown then.
 */
function isAmbiguous(before: string): boolean {
  const endsHost = /^(?:[^:]*|[^:]*:\d*|[\da-f:.[\]%]*)[,/?#]/i.test(before);
  return endsHost || (before.includes(",") && before.includes("@"));
}

/**
 * Addresses of NATS servers as users write them: one in each text, or several divided by commas. The only reader of
 * addresses. An address that it cannot take apart with certainty is refused without being shown.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function parseAddresses(option: string, texts: readonly string[]): Address[] {
  const parts = texts.flatMap(split);
  return parts.map((part, index) => {
    const address = parse(part.trim());
    if (address !== undefined) return address;
    const which = parts.length === 1 ? "the address" : `address ${String(index + 1)} of ${String(parts.length)}`;
    throw new OstinatoError(
      "ERR_INVALID_OPTION",
      `${option}: ${which} is none of host:port, nats://host:port and tls://host:port, each with user:password@ or ` +
        "token@ before the host if needed; percent-encode special characters of a password, or give it as an option " +
        "of its own (what was given is not shown: it may hold a secret)",
    );
  });
}

/** A comma divides addresses where a scheme follows, or where no credentials follow. */
function split(text: string): string[] {
  return text.split(/,(?=\s*(?:nats|tls):\/\/)|,(?=[^@]*$)/i);
}

function parse(text: string): Address | undefined {
  const prefix = scheme.exec(text)?.[0] ?? "";
  const rest = text.slice(prefix.length);
  const at = rest.lastIndexOf("@");
  const before = rest.slice(0, Math.max(0, at));
  const host = rest.slice(at + 1).replace(/\/$/, "");
  const port = place.exec(host);
  if (port === null ? !bareIpv6.test(host) : Number(port[1] ?? 4222) > 65_535) return undefined;
  if (isAmbiguous(before)) return undefined;
  const shown = { text: `${prefix}${host}`, tls: /^tls/i.test(prefix) };
  if (at < 0 || before === "") return { ...shown, credentials: {}, secrets: [] };
  const colon = before.indexOf(":");
  if (colon < 0) {
    const token = decode(before);
    return { ...shown, credentials: { token }, secrets: [before, token] };
  }
  const pass = decode(before.slice(colon + 1));
  return {
    ...shown,
    credentials: { user: decode(before.slice(0, colon)), pass },
    secrets: [before.slice(colon + 1), pass].filter((secret) => secret !== ""),
  };
}

/** A percent sign that encodes nothing stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a page, with what it said of credentials as headers. `url` may be shown and logged. */
export interface HttpAddress {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly secrets: readonly string[];
}

/**
 * An http or https address as users paste it: `?token=` becomes `Authorization: Bearer`, `user:password@` becomes
 * `Authorization: Basic`, and nothing of either stays in the address.
 *
 * @throws OstinatoError ERR_INVALID_OPTION
 */
export function httpAddress(option: string, text: string): HttpAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new OstinatoError(
      "ERR_INVALID_OPTION",
      `${option}: expected an address such as http://127.0.0.1:4600 (what was given is not shown: it may hold a secret)`,
    );
  }
  const token = url.searchParams.get("token") ?? undefined;
  const [user, pass] = [decode(url.username), decode(url.password)];
  const headers: Record<string, string> = {};
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  else if (user !== "" || pass !== "") {
    headers["authorization"] = `Basic ${Buffer.from(`${user}:${pass}`).toString("base64")}`;
  }
  const secrets = [token ?? "", pass, url.password, user, url.username].filter((secret) => secret !== "");
  [url.username, url.password, url.search, url.hash] = ["", "", "", ""];
  return { url, headers, secrets };
}

/**
 * A text that somebody else wrote, without what looks like credentials in it: whatever stands before an `@`, and the
 * value of a parameter whose name promises a secret.
 */
export function hideCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z\d+.-]*:\/\/)([^\n]*)@([^\s"']*)/gi, (_, start: string, before: string, host: string) =>
      isAmbiguous(before) ? `${start}***` : `${start}***@${host}`,
    )
    .replace(/(^|[\s"'=(])[^\s"'=(]+@/g, "$1***@")
    .replace(/([?&](?:token|auth\w*|pass\w*|pwd|secret|key|jwt|seed)=)[^&\s"']*/gi, "$1***");
}
