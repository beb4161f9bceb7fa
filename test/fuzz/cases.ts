import { hostileMessages } from "../helpers/hostile-messages";
import type { Random } from "./random";

const known = [...hostileMessages(50)];
const fields = [
  "id",
  "payload",
  "at",
  "every",
  "cron",
  "timeZone",
  "zone",
  "reason",
  "priority",
  "__proto__",
  "constructor",
];

/** A message to the intake, or a line of a file: a whole assignment, one with odd fields, or no JSON at all. */
export function message(random: Random): string | Uint8Array {
  const kind = random.below(10);
  if (kind === 0) return random.bytes();
  if (kind === 1) return random.pick(known);
  const whole = { id: `task:${String(random.below(500))}`, payload: random.value() };
  const repeats = random.pick([
    {},
    { every: "90s" },
    { at: Date.UTC(2999, 0) },
    { cron: "0 9 * * *", timeZone: "UTC" },
  ]);
  const some = random.chance(0.6) ? random.object(fields) : {};
  const text = JSON.stringify({ ...whole, ...repeats, ...some });
  return kind < 5 ? random.mutated(text) : text;
}

const targets = [
  ...[
    "/",
    "/healthz",
    "/metrics",
    "/api/status",
    "/api/summary",
    "/api/timeline",
    "/api/cluster",
    "/api/chart",
    "/api/log",
  ],
  ...["/api/queue", "/api/queue/task", "/api/queue/tasks", "/api/queue/letters", "/api/act", "/api/feed/x", "/app.js"],
];
const parameters = ["q", "filter", "from", "count", "actor", "run", "queue", "id", "prefix", "token", "__proto__"];
const headers = [
  ...["cookie", "authorization", "origin", "host", "content-length", "transfer-encoding", "expect", "upgrade", "range"],
  ...["sec-fetch-site", "accept-encoding", "content-type", "x-forwarded-for", "if-none-match"],
];

/** A request as it is sent; `token` lets some of them in where a page may write. */
export function httpRequest(random: Random, token: string): Buffer {
  if (random.chance(0.03)) return random.bytes(200);
  const method = random.pick([
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "OPTIONS",
    "CONNECT",
    "get",
    "TRACE",
  ]);
  const path = random.chance(0.8) ? random.pick(targets) : `/${random.text()}`;
  const value = (): string => (random.chance(0.5) ? random.pick(["mail", "tick", "root"]) : random.text());
  const query = random.list(3, () => `${random.pick(parameters)}=${encodeLoosely(random, value())}`).join("&");
  const target = `${path}${query === "" ? "" : "?"}${query}`.replace(/[\s\0]/g, "+");
  const body = method === "POST" ? postBody(random) : "";
  const lines = [`${method} ${target} HTTP/1.1`, "host: localhost", "connection: close"];
  if (body !== "") lines.push(`content-length: ${String(Buffer.byteLength(body))}`);
  if (random.chance(0.7)) lines.push(`x-ostinato-token: ${token}`);
  if (random.chance(0.3)) lines.push(`${random.pick(headers)}: ${random.text().replace(/[\r\n]/g, "")}`);
  const text = `${lines.join("\r\n")}\r\n\r\n${body}`;
  return Buffer.from(random.chance(0.1) ? random.mutated(text) : text);
}

function postBody(random: Random): string {
  const all = [
    "filter",
    "query",
    "actor",
    "count",
    "from",
    "fresh",
    "queues",
    "action",
    "task",
    "queue",
    "key",
    "__proto__",
  ];
  const text = JSON.stringify({
    ...random.object(all),
    ...(random.chance(0.5) ? { action: random.pick(["pause", "resume", "trigger", "x"]), task: "tick" } : {}),
  });
  return random.chance(0.2) ? random.mutated(text) : text;
}

function encodeLoosely(random: Random, text: string): string {
  return random.chance(0.7) ? new URLSearchParams([["", text]]).toString().slice(1) : text;
}

const commands = ["next", "status", "trigger", "pause", "resume", "assign", "remove", "list", "dead-letters", "doctor"];
const flags = [
  ...[
    "--store",
    "--queue",
    "--namespace",
    "--url",
    "--token",
    "--id",
    "--payload",
    "--at",
    "--every",
    "--cron",
    "--zone",
  ],
  ...[
    "--count",
    "--from",
    "--to",
    "--json",
    "--prefix",
    "--nats",
    "--lease",
    "--log-level",
    "--limit",
    "--help",
    "--nope",
  ],
];

/** Arguments of the command line, mostly with a store that is there. */
export function commandLine(random: Random, store: string): string[] {
  const command = random.chance(0.95) ? random.pick(commands) : random.text();
  const reach = random.chance(0.6) ? ["--store", store, "--queue", "mail"] : [];
  const rest = random.list(4, () => (random.chance(0.5) ? random.pick(flags) : random.text()));
  return [command, ...reach, ...rest].map((text) => text.replaceAll("\0", ""));
}
