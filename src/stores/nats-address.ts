import type { ConnectionOptions } from "nats";

/** The name and password of an address are no one's business but the server's. */
export function withoutSecrets(text: string): string {
  return text.replace(/([a-z]+:\/\/)[^@/\s]*@/gi, "$1").replace(/^[^@/\s]+@/, "");
}

/**
 * The options for these addresses: a `user:password@` or `token@` in one of them becomes an option, unless credentials
 * were given as options, and `tls://` asks for TLS. The client itself knows neither.
 */
export function addressOptions(servers: readonly string[], given: ConnectionOptions): ConnectionOptions {
  const found = servers.map((server) => /^(?:[a-z]+:\/\/)?([^@/\s]*)@/i.exec(server)?.[1]).find(Boolean);
  const has = [given.user, given.pass, given.token, given.authenticator].some((option) => option !== undefined);
  const tls = servers.some((server) => /^tls:/i.test(server)) ? { tls: given.tls ?? {} } : {};
  return { servers: servers.map(withoutSecrets), ...tls, ...(found && !has ? credentials(found) : {}) };
}

function credentials(text: string): ConnectionOptions {
  const [first = "", ...rest] = text.split(":");
  if (rest.length === 0) return { token: decodeURIComponent(first) };
  return { user: decodeURIComponent(first), pass: decodeURIComponent(rest.join(":")) };
}

/** An error of the client as a cause that can be logged: its words without addresses' secrets, passwords and tokens. */
export function safeCause(error: Error, options: ConnectionOptions): Error & { code?: string } {
  const { code, chainedError } = error as Error & { code?: string; chainedError?: Error };
  const more = chainedError === undefined ? "" : `: ${chainedError.message}`;
  let message = withoutSecrets(error.message + more);
  for (const secret of [options.pass, options.token]) if (secret) message = message.replaceAll(secret, "***");
  const safe = new Error(message);
  safe.name = error.name;
  return code === undefined ? safe : Object.assign(safe, { code });
}
