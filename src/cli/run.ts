import { Option, type Command } from "commander";
import type { Logger } from "pino";
import { createRuntime, main, OstinatoError, type Runtime, type Task } from "../index";
import { loadSetup } from "./load";
import { makeLogger } from "./logs";
import { describeMistake } from "./mistakes";
import { logLevels, openStore, readDuration, readText } from "./options";

export interface RunOptions {
  store: string;
  namespace?: string;
  inboxPrefix?: string;
  logLevel: (typeof logLevels)[number];
  messages?: "plain" | "neat";
  label?: string;
  shutdownTimeout: number;
  nodeId?: string;
  pretty?: true;
  json?: true;
}

/** Aborted runs get this long to end after the shutdown timeout, before the process ends over them. */
const graceMs = 2_000;

const examples = `
Each FILE default-exports a function that spawns tasks: export default (runtime) => { runtime.spawn({ … }) }.
It ends in .ts, .cts, .js, .cjs or .mjs. The first Ctrl-C lets runs end, the second ends the process at once.
Exit codes: 0 drained, 1 failed, 2 wrong usage.

Examples:
  $ ostinato run tasks.ts
  $ ostinato run tasks.ts more.mjs --store file:data/state
  $ ostinato run tasks.ts --store nats://127.0.0.1:4222 --json
`;

export function runCommand(program: Command): void {
  withRunOptions(program.command("run"))
    .description("run the tasks of files until a signal ends the process")
    .addHelpText("after", examples)
    .action(async (files: string[], options: RunOptions) => {
      process.exitCode = await run(files, options);
    });
}

/** What `run` takes, and every command that runs files. */
export function withRunOptions(command: Command): Command {
  return command
    .argument("<FILE...>", "files that spawn tasks")
    .option("--store <STORE>", "where state lives: memory, file:PATH or nats://HOST:PORT[,HOST:PORT…]", "memory")
    .option("--namespace <NAME>", 'keeps apart the stores of one NATS account (default: "ostinato")', readText)
    .option("--inbox-prefix <PREFIX>", "where NATS answers, if this user may not listen to _INBOX.>", readText)
    .addOption(new Option("--log-level <LEVEL>", "the lowest level to print").choices(logLevels).default("info"))
    .addOption(
      new Option("--messages <STYLE>", 'how monitor lines read: plain, such as "START web"; or neat').choices([
        "plain",
        "neat",
      ]),
    )
    .option("--label <TEXT>", "what neat monitor lines call the tasks", readText)
    .option("--shutdown-timeout <DURATION>", "how long runs may go on after the first signal", readDuration, 10_000)
    .option("--node-id <ID>", "names this process to the others (default: host, pid and a random part)", readText)
    .addOption(new Option("--pretty", "lines for people (default on a terminal)").conflicts("json"))
    .addOption(new Option("--json", "JSON lines (default in a pipe)").conflicts("pretty"));
}

/** @param beside is begun before the runtime starts, and ends with the process. */
export async function run(
  files: readonly string[],
  options: RunOptions,
  beside: (runtime: Runtime, logger: Logger) => Promise<void> = async () => undefined,
): Promise<number> {
  const store = openStore(options.store, options.namespace, options.inboxPrefix);
  const forPeople = options.pretty ?? (options.json ? false : process.stdout.isTTY);
  const logger = makeLogger({ level: options.logLevel, pretty: forPeople });
  const { shutdownTimeout, messages, label, nodeId } = options;
  const runtime = createRuntime({
    store,
    logger,
    shutdownTimeout,
    ...(messages === undefined ? {} : { messages }),
    ...(label === undefined ? {} : { label }),
    ...(nodeId === undefined ? {} : { nodeId }),
  });
  const setups = [];
  for (const file of files) setups.push({ file, setup: await loadSetup(file) });
  for (const { file, setup } of setups) {
    const before = contentOf(runtime);
    try {
      await setup(runtime);
    } catch (error) {
      const mistake = describeMistake(error);
      if (mistake !== undefined) throw new OstinatoError("ERR_USAGE", `${file}: ${mistake}`, { cause: error });
      const { syscall, message } = error as NodeJS.ErrnoException;
      logger.fatal(syscall === undefined ? { err: error } : {}, `${file}: its function failed: ${message}`);
      return 1;
    }
    if (contentOf(runtime) === before) {
      const calls = "runtime.spawn, runtime.supervise nor runtime.queue";
      logger.warn({ file }, `${file} spawned nothing: its function called neither ${calls}`);
    }
  }
  await beside(runtime, logger);
  return main(started(runtime, logger, store.description), { logger, shutdownTimeout: shutdownTimeout + graceMs });
}

const contentOf = (runtime: Runtime): string =>
  [runtime.toString(), ...runtime.queues().map(({ name }) => name)].join("\n");

/** A store that cannot be opened is told in its own words, without a stack: it is the surroundings that are wrong. */
function started(runtime: Runtime, logger: Logger, store: string): Task {
  return async (context) => {
    logger.info({ node: runtime.nodeId }, `ostinato runs on the store "${store}"; Ctrl-C ends it`);
    try {
      await runtime.task()(context);
    } catch (error) {
      if (!(error instanceof OstinatoError && error.code.startsWith("ERR_STORE_"))) throw error;
      throw withoutStack(error);
    }
  };
}

function withoutStack(error: OstinatoError): OstinatoError {
  const told = new OstinatoError(error.code, error.message);
  told.stack = `${error.name}: ${error.message}`;
  return told;
}
