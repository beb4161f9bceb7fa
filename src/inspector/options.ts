import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { OstinatoError } from "../index";
import { isArray, readOptions, requireBoolean, requireFunction, show } from "../validate";
import { isLoopback, parseAuthority } from "./authority";

/** How an inspector is served. */
export interface InspectorOptions {
  /** Default 4600; 0 takes any free port. */
  port?: number;
  /** Default `"127.0.0.1"`. Any other than a loopback address needs a `token`. */
  host?: string;
  /** Lets the page trigger, pause, resume, stop and restart. Default false: it only shows. */
  allowActions?: boolean;
  /** What a visitor must bring, as `?token=…` or `Authorization: Bearer …`. Default: none on loopback. */
  token?: string;
  /** Further names by which the page may be asked for (the Host header), as behind a proxy. */
  allowedHosts?: readonly string[];
  /**
   * Called with each value that user code made (payloads of assigned tasks, fields of log lines, contexts) before it is
   * shown; what it returns is shown instead. `task` is the name of the task, or the id. Default: shown as it is.
   */
  redact?: (value: unknown, about: { task: string; what: "log" | "context" | "payload" }) => unknown;
}

/** Checked options. */
export interface ParsedInspectorOptions {
  readonly port: number;
  readonly host: string;
  readonly allowActions: boolean;
  /** What visitors must bring; undefined where none is needed. */
  readonly token: string | undefined;
  /** Proves that an action comes from our own page. */
  readonly actionToken: string;
  readonly allowedHosts: readonly string[];
  readonly redact: NonNullable<InspectorOptions["redact"]>;
}

const names = ["port", "host", "allowActions", "token", "allowedHosts", "redact"];

/** @throws OstinatoError ERR_INVALID_OPTION */
export function parseInspectorOptions(given: InspectorOptions): ParsedInspectorOptions {
  const options = readOptions("createInspector", given, names);
  const { port = 4600, host = "127.0.0.1", allowActions = false, token, allowedHosts = [] } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    refuse(`port: expected an integer from 0 to 65535, got ${show(port)}`);
  }
  if (typeof host !== "string" || host === "") refuse(`host: expected a name or an address, got ${show(host)}`);
  if (token !== undefined && (typeof token !== "string" || token.length < 8)) {
    refuse("token: expected a string of at least 8 characters");
  }
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (!isLoopback(name) && token === undefined) {
    refuse(
      `host: "${host}" can be reached from other machines, and needs a token: createInspector(…, { host, token })`,
    );
  }
  if (!isArray(allowedHosts)) refuse("allowedHosts: expected a list of host names");
  return {
    port,
    host: name,
    allowActions: requireBoolean("allowActions", allowActions),
    token,
    actionToken: randomBytes(18).toString("base64url"),
    allowedHosts: allowedHosts.map(hostName),
    redact: options.redact === undefined ? (value) => value : requireFunction("redact", options.redact),
  };
}

/** A name of the page as a Host header gives it; a port beside it says nothing. */
function hostName(given: unknown): string {
  const text = typeof given === "string" && given.includes("::") && !given.startsWith("[") ? `[${given}]` : given;
  const authority = typeof text === "string" ? parseAuthority(text) : undefined;
  return authority?.name ?? refuse('allowedHosts: expected host names, such as "tasks.example"');
}

/** Compares without telling by its duration where they differ, nor how long the right one is. */
export function sameToken(given: string | undefined, expected: string): boolean {
  if (given === undefined) return false;
  const [one, other] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one as Buffer, other as Buffer);
}

function refuse(message: string): never {
  throw new OstinatoError("ERR_INVALID_OPTION", message);
}
