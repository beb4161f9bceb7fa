import type { ConnectionOptions } from "nats";
import type { Clock } from "../clock";
import { parseDuration, type Duration } from "../duration";
import { parseAddresses } from "../rules/address";
import { readOptions, refuse, requireInteger, requireOneOf } from "../validate";
import { addressOptions, secretsOf } from "./nats-address";
import { parseReplyPrefixes } from "./nats-reply-subjects";

/**
 * Every connection option of the `nats` package, passed through, and ours. `servers` is an address, a list of them, or
 * several divided by commas. An address may hold `user:password@` or `token@`, and begin with `nats://` or `tls://`.
 */
export interface NatsStoreOptions extends ConnectionOptions {
  /** Keeps apart the stores of one account: letters, digits and `-`; default `"ostinato"`. */
  namespace?: string;
  /** Copies of each bucket, 1 to 5; default 1. More than one needs servers of 2.10.23 or newer. */
  replicas?: number;
  /** Where the server keeps the buckets; default `"file"`. */
  storage?: "file" | "memory";
  /** How long to wait for an answer of the server; default `"2s"`. */
  requestTimeout?: Duration;
  /**
   * The inboxes in which producers may ask for an answer: what the reply subject of a request begins with, whole tokens
   * only; default `["_INBOX."]`. Elsewhere nothing is ever sent.
   */
  replyPrefixes?: readonly string[];
  /** For the deadlines; default the system's. */
  clock?: Clock;
}

export interface NatsSettings {
  readonly connection: ConnectionOptions;
  /** Passwords and tokens: shown to nobody. */
  readonly secrets: readonly string[];
  readonly description: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly storage: "file" | "memory";
  readonly requestTimeout: number;
  readonly replyPrefixes: readonly string[];
  readonly clock: Clock;
}

const ours = ["namespace", "replicas", "storage", "requestTimeout", "replyPrefixes", "clock"];
const theirs = [
  ...["authenticator", "debug", "ignoreAuthErrorAbort", "ignoreClusterUpdates", "inboxPrefix", "maxPingOut"],
  ...["maxReconnectAttempts", "name", "noAsyncTraces", "noEcho", "noRandomize", "pass", "pedantic", "pingInterval"],
  ...["port", "reconnect", "reconnectDelayHandler", "reconnectJitter", "reconnectJitterTLS", "reconnectTimeWait"],
  ...["resolve", "servers", "timeout", "tls", "token", "user", "verbose", "waitOnFirstConnect"],
];

/** A lost connection is noticed within 4 s and always comes back; the client's own defaults take 6 minutes and give up. */
const connectionDefaults: ConnectionOptions = {
  name: "ostinato",
  pingInterval: 2000,
  maxPingOut: 2,
  timeout: 3000,
  reconnectTimeWait: 250,
  reconnectJitter: 250,
  maxReconnectAttempts: -1,
  ignoreAuthErrorAbort: true,
  noAsyncTraces: true,
};

export function parseNatsOptions(given: NatsStoreOptions, defaultClock: Clock): NatsSettings {
  const options = readOptions("natsStore", given, [...ours, ...theirs]);
  const { namespace = "ostinato", replicas, storage, requestTimeout, replyPrefixes, ...others } = options;
  const { clock = defaultClock, ...connection } = others;
  if (typeof namespace !== "string" || !/^[A-Za-z0-9-]+$/.test(namespace)) {
    refuse("namespace", 'letters, digits and "-"', namespace);
  }
  const servers = [connection.servers ?? `127.0.0.1:${String(connection.port ?? 4222)}`].flat();
  if (servers.length === 0 || servers.some((server) => typeof server !== "string" || server === "")) {
    refuse("servers", "an address or a list of addresses", connection.servers);
  }
  const addresses = parseAddresses("servers", servers);
  return {
    connection: { ...connectionDefaults, ...connection, ...addressOptions(addresses, connection) },
    secrets: secretsOf(addresses, connection),
    description: `nats ${addresses.map(({ text }) => text).join(",")} namespace ${namespace}`,
    namespace,
    replicas: requireInteger("replicas", replicas ?? 1, 1, 5),
    storage: requireOneOf("storage", ["file", "memory"], storage ?? "file"),
    requestTimeout: parseDuration("requestTimeout", requestTimeout ?? "2s", { min: 10 }),
    replyPrefixes: parseReplyPrefixes(replyPrefixes, namespace),
    clock,
  };
}
