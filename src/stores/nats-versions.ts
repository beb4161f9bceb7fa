import { OstinatoError } from "../errors";

type Version = readonly [number, number, number];

const oldest: Version = [2, 9, 10];
const broken: Version = [2, 10, 19];
const losesStreams: readonly [Version, Version] = [
  [2, 10, 20],
  [2, 10, 22],
];
const oldestReplicated: Version = [2, 10, 23];
const firstHeardByPeers: Version = [2, 11, 0];
const firstWithTtl: Version = [2, 11, 0];
/** 2.9.10 does not; of those between nothing is known. */
const deletesAtOnce: Version = [2, 10, 27];

export interface VersionWarning {
  readonly what: string;
  readonly advice: string;
}

/** Refuses a server that is known to break compare-and-swap; the answer is a warning for one that is merely unwise. */
export function checkServerVersion(text: string, replicas: number): VersionWarning | undefined {
  const version = parse(text);
  const refuse = (why: string, what: string): never => {
    throw new OstinatoError("ERR_STORE_SETTINGS", `nats-server ${text}: ${why}; ${what}`);
  };
  if (isBefore(version, oldest)) refuse("it is older than 2.9.10", "upgrade to 2.10.23 or newer");
  if (compare(version, broken) === 0) {
    refuse("this version breaks conditional writes (nats-server issue 5841)", "upgrade to 2.10.23 or newer");
  }
  if (replicas > 1 && isBefore(version, oldestReplicated)) {
    refuse(
      `replicas: ${String(replicas)} needs 2.10.23 or newer, because replicated streams of older servers let several writers win one revision`,
      "upgrade the servers or use replicas: 1",
    );
  }
  if (!isBefore(version, losesStreams[0]) && compare(version, losesStreams[1]) <= 0) {
    const what = `nats-server ${text} can lose a stream when its process crashes`;
    return { what, advice: "upgrade to 2.10.23 or newer" };
  }
  // Its queue of messages to peers may begin before it knows the account that it sends in, and then sends nothing.
  if (replicas > 1 && isBefore(version, firstHeardByPeers)) {
    const what = `nats-server ${text} now and then starts in a way that its peers hear nothing of it, until it is started again`;
    return { what, advice: "upgrade to 2.11.0 or newer" };
  }
  return undefined;
}

/** Whether single messages can have an end of their own. */
export function supportsMessageTtl(text: string): boolean {
  return !isBefore(parse(text), firstWithTtl);
}

/**
 * Whether a stream that is gone is gone for good. Others may still remove its files, and with them those of a stream of
 * the same name that is made meanwhile: that one no longer finds its messages, and every conditional write succeeds.
 */
export function endsDeletions(text: string): boolean {
  return !isBefore(parse(text), deletesAtOnce);
}

function parse(text: string): Version {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0), Number(patch ?? 0)];
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function isBefore(a: Version, b: Version): boolean {
  return compare(a, b) < 0;
}
