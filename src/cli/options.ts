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

/** The store that `--store` names. What is not understood is shown only if it is one word: an address may hold a password. */
export function openStore(text: string, namespace: string | undefined, inboxPrefix?: string): Store {
  const isNats = /^(?:nats|tls):\/\//i.test(text);
  if (namespace !== undefined && !isNats) {
    throw new OstinatoError("ERR_USAGE", "--namespace goes with --store nats://HOST:PORT only");
  }
  if (inboxPrefix !== undefined && !isNats) {
    throw new OstinatoError("ERR_USAGE", "--inbox-prefix goes with --store nats://HOST:PORT only");
  }
  if (text === "memory") return memoryStore();
  if (isNats) {
    const prefix = inboxPrefix === undefined ? {} : { inboxPrefix };
    return natsStore({ servers: text, ...prefix, ...(namespace === undefined ? {} : { namespace }) });
  }
  if (/^file:\/\/[^/]/.test(text)) {
    throw new OstinatoError("ERR_USAGE", "--store: a folder is file:PATH, without a host before the path");
  }
  if (/^file:./.test(text)) return fileStore({ path: text.slice("file:".length) });
  const got = /^[\w-]+$/.test(text) ? JSON.stringify(text) : "something else";
  throw new OstinatoError(
    "ERR_USAGE",
    `--store: allowed are memory, file:PATH and nats://HOST:PORT[,HOST:PORT…]; got ${got}`,
  );
}
