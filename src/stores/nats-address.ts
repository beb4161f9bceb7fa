import type { ConnectionOptions } from "nats";
import { hideCredentials, type Address } from "../rules/address";

/**
 * The options for these addresses: `user:password@` or `token@` in one of them becomes an option, unless credentials
 * were given as options, and `tls://` asks for TLS. The client itself knows neither.
 */
export function addressOptions(addresses: readonly Address[], given: ConnectionOptions): ConnectionOptions {
  const found = addresses.map(({ credentials }) => credentials).find((one) => Object.keys(one).length > 0);
  const has = [given.user, given.pass, given.token, given.authenticator].some(
    (option) => (option ?? undefined) !== undefined,
  );
  const tls = addresses.some((address) => address.tls) ? { tls: given.tls ?? {} } : {};
  return { servers: addresses.map(({ text }) => text), ...tls, ...(has ? {} : found) };
}

/** What must be shown to nobody: passwords and tokens, from addresses and from options, in every spelling. */
export function secretsOf(addresses: readonly Address[], given: ConnectionOptions): string[] {
  const all = [...addresses.flatMap(({ secrets }) => secrets), given.pass, given.token];
  return all.filter((secret): secret is string => typeof secret === "string" && secret.length >= shortestSecret);
}

/** Shorter ones would blot out ordinary words and protect nothing. */
const shortestSecret = 3;

/** An error of the client as a cause that can be logged: its words without any of the secrets. */
export function safeCause(error: Error, secrets: readonly string[]): Error & { code?: string } {
  const { code, chainedError } = error as Error & { code?: string; chainedError?: Error };
  let message = chainedError === undefined ? error.message : `${error.message}: ${chainedError.message}`;
  for (const secret of secrets) message = message.replaceAll(secret, "***");
  const safe = new Error(hideCredentials(message));
  safe.name = error.name;
  return code === undefined ? safe : Object.assign(safe, { code });
}
