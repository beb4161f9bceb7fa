#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assignCommand } from "./assign";
import { deadLettersCommand } from "./dead-letters";
import { doctorCommand } from "./doctor";
import { forgetCommand } from "./forget";
import { hideCredentials } from "../rules/address";
import { isReaderGone, servesTasks } from "./logs";
import { describeMistake } from "./mistakes";
import { inspectCommand } from "./inspect";
import { listCommand } from "./list";
import { pauseCommand } from "./pause";
import { removeCommand } from "./remove";
import { resumeCommand } from "./resume";
import { nextCommand } from "./next";
import { runCommand } from "./run";
import { statusCommand } from "./status";
import { topCommand } from "./top";
import { triggerCommand } from "./trigger";

const commands: readonly ((program: Command) => void)[] = [
  doctorCommand,
  nextCommand,
  runCommand,
  inspectCommand,
  statusCommand,
  topCommand,
  triggerCommand,
  pauseCommand,
  resumeCommand,
  forgetCommand,
  assignCommand,
  removeCommand,
  listCommand,
  deadLettersCommand,
];

/** Looked for upwards: what was built lies one folder deeper than the sources. */
function readVersion(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
}

/** What was typed wrongly, without what may be a secret in it. */
const withoutValues = (text: string): string =>
  hideCredentials(text.replace(/(unknown option '[^'=\n]*)=[^\n]*'/, "$1'"));

async function start(): Promise<number> {
  const program = new Command("ostinato")
    .description("Runs a service's periodic and long-lived work under supervision.")
    .version(readVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help, or that of a command")
    .configureOutput({ outputError: (text, write) => write(withoutValues(text)) })
    .showHelpAfterError("(ostinato --help shows what is allowed)")
    .exitOverride();
  for (const add of commands) add(program);
  try {
    await program.parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const mistake = describeMistake(error);
    console.error(mistake === undefined ? error : `error: ${mistake}`);
    return mistake === undefined ? 1 : 2;
  }
}

// The reader of the pipe has gone (`| head`): there is nobody left to print for, unless `main` lets work end first.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (!servesTasks()) process.exit(isReaderGone(error) ? 0 : 1);
});
// Work whose reports nobody reads goes on to its end.
process.stderr.on("error", () => undefined);
void start().then((code) => process.exit(code));
