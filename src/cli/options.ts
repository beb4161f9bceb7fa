import { InvalidArgumentError } from "commander";
import { type Duration, fileStore, interval, memoryStore, natsStore, OstinatoError, type Store } from "../index";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** A duration option of the command line, as the library reads it: a bare number is milliseconds. */
export function readDuration(text: string): number {
  try {
    return interval(text as Duration).elapsed?.every ?? 0;
  } catch {
    throw new InvalidArgumentError('Allowed are a number of milliseconds, or "250ms", "90s", "5m", "3h", "1d".');
  }
}

export function readText(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

const natsAddress = /^(?:nats|tls):\/\/[^\s]+$/;

/** The store that `--store` names. An address may hold a password, so that a wrong one is not shown again. */
export function openStore(text: string, namespace: string | undefined, inboxPrefix?: string): Store {
  if (namespace !== undefined && !/^(?:nats|tls):/.test(text)) {
    throw new OstinatoError("ERR_USAGE", "--namespace goes with --store nats://HOST:PORT only");
  }
  if (inboxPrefix !== undefined && !/^(?:nats|tls):/.test(text)) {
    throw new OstinatoError("ERR_USAGE", "--inbox-prefix goes with --store nats://HOST:PORT only");
  }
  if (text === "memory") return memoryStore();
  if (/^file:./.test(text)) return fileStore({ path: text.slice("file:".length) });
  if (/^(?:nats|tls):/.test(text)) {
    const servers = text.split(",");
    if (natsAddress.test(servers[0] ?? "") && servers.every((server) => server !== "")) {
      const prefix = inboxPrefix === undefined ? {} : { inboxPrefix };
      return natsStore({ servers, ...prefix, ...(namespace === undefined ? {} : { namespace }) });
    }
    throw new OstinatoError("ERR_USAGE", "--store: a NATS address has the form nats://HOST:PORT[,HOST:PORT…]");
  }
  throw new OstinatoError(
    "ERR_USAGE",
    `--store: allowed are memory, file:PATH and nats://HOST:PORT[,HOST:PORT…]; got ${JSON.stringify(text)}`,
  );
}
