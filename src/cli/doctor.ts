import { toError } from "../foreign";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { examineNats, OstinatoError, systemClock, type NatsExaminationOptions, type Runtime } from "../index";
import { simulate } from "../testing";
import { findingsOf, type Finding, type FindingOptions } from "./doctor-findings";
import { loadSetup } from "./load";
import { readDuration, readText } from "./options";

interface DoctorOptions {
  nats: string;
  namespace: string;
  replicas: number;
  lease: number;
  queue?: string[];
  creds?: string;
  nkey?: string;
  ca?: string;
  inboxPrefix?: string;
  monitor?: string;
  json?: true;
}

/** `ostinato doctor`: what stands in the way of the promises, and what to do about it. */
export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Tell what stands in the way of our promises on a NATS server, and what to do about it")
    .argument("[files...]", "tasks files, to see how many tasks start within the same second")
    .requiredOption("--nats <urls>", "addresses, divided by commas; user:password@, token@ and tls:// are understood")
    .option("--namespace <name>", "what the names of the buckets begin with", "ostinato")
    .option("--replicas <count>", "copies of each bucket that the service asks for", Number, 1)
    .option("--lease <duration>", "the lease that the service uses", readDuration, 15_000)
    .option(
      "--queue <name>",
      "look at this queue, which may be given again for more (default: all of the namespace)",
      (name: string, names?: string[]) => [...(names ?? []), readText(name)],
    )
    .option("--creds <file>", "credentials file")
    .option("--nkey <file>", "file with an nkey seed")
    .option("--ca <file>", "certificates to trust, for TLS")
    .option("--inbox-prefix <prefix>", 'the inboxPrefix that the service uses (default: "_INBOX")', readText)
    .option("--monitor <url>", "monitoring port of the server, which tells how often it syncs its disk")
    .option("--json", "print the findings as JSON")
    .action(async (files: string[], options: DoctorOptions) => {
      const findings = await examine(files, options);
      console.log(options.json ? JSON.stringify(findings, undefined, 2) : render(findings));
      if (findings.some(({ level }) => level === "problem")) process.exitCode = 1;
    });
}

async function examine(files: readonly string[], options: DoctorOptions): Promise<Finding[]> {
  const about: FindingOptions = { lease: options.lease, crowd: await crowdOf(files) };
  try {
    return findingsOf(await examineNats(await storeOptions(options)), about);
  } catch (error) {
    if (!(error instanceof OstinatoError) || !error.code.startsWith("ERR_STORE_")) throw error;
    return [{ level: "problem", what: error.message }];
  }
}

async function storeOptions(options: DoctorOptions): Promise<NatsExaminationOptions> {
  const { namespace, replicas, monitor } = options;
  const authenticator = await authenticatorFor(options);
  return {
    servers: options.nats,
    namespace,
    replicas,
    ...(monitor === undefined ? {} : { monitor }),
    ...(options.queue === undefined ? {} : { queues: options.queue }),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    ...(options.ca === undefined ? {} : { tls: { caFile: options.ca } }),
  };
}

async function authenticatorFor({ creds, nkey }: DoctorOptions): Promise<NatsExaminationOptions["authenticator"]> {
  if (creds === undefined && nkey === undefined) return undefined;
  const { credsAuthenticator, nkeyAuthenticator } = await import("nats");
  if (creds !== undefined) return credsAuthenticator(readSecret(creds));
  return nkeyAuthenticator(
    Buffer.from(
      readSecret(nkey ?? "")
        .toString()
        .trim(),
    ),
  );
}

function readSecret(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OstinatoError("ERR_USAGE", `${file}: cannot be read: ${toError(cause).message}`, { cause });
  }
}

/** A day of what the files would start. */
async function crowdOf(files: readonly string[]): Promise<FindingOptions["crowd"]> {
  if (files.length === 0) return undefined;
  const definitions = await Promise.all(files.map(loadSetup));
  const from = systemClock.now();
  const to = from + 86_400_000;
  const { evening } = await simulate(
    async (runtime: Runtime) => {
      for (const define of definitions) await define(runtime);
    },
    { from, to },
  );
  return evening ?? { tasks: [], window: 0 };
}

const marks = { ok: "ok      ", note: "note    ", warning: "WARNING ", problem: "PROBLEM " };

function render(findings: readonly Finding[]): string {
  const lines = findings.map(({ level, what, advice }) => {
    const first = `${marks[level]} ${what}`;
    return advice === undefined ? first : `${first}\n${" ".repeat(9)}→ ${advice}`;
  });
  const problems = findings.filter(({ level }) => level === "problem").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  return [...lines, "", `${counted(problems, "problem")}, ${counted(warnings, "warning")}`].join("\n");
}

function counted(count: number, what: string): string {
  return `${String(count)} ${what}${count === 1 ? "" : "s"}`;
}
