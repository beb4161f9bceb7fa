import { isIP, isIPv6 } from "node:net";

/** What a Host header names. An IPv6 address stands without its brackets. */
export interface Authority {
  readonly name: string;
  readonly port: number | undefined;
}

const form = /^(?:\[([^\]]*)\]|([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?)\.?)(?::(\d{1,5}))?$/i;

/** Undefined for what is no `host` or `host:port`. Names are compared in lower case and without a final dot. */
export function parseAuthority(text: string): Authority | undefined {
  const [whole, ipv6, name, digits] = form.exec(text) ?? [];
  if (whole === undefined || (ipv6 !== undefined && !isIPv6(ipv6))) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && port > 65_535) return undefined;
  return { name: (ipv6 ?? name ?? "").toLowerCase(), port };
}

/** Whether only this machine can be reached by the name. */
export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}

/** Callers that count as one: an address of IPv4, or the network of one of IPv6, of which a caller may have billions. */
export function callerOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const last = address.slice(address.lastIndexOf(":") + 1);
  if (isIP(last) === 4) return last;
  const [head = ""] = address.split("::");
  return `${head.split(":").slice(0, 4).join(":")}::`;
}
