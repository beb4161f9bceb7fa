import type { Command } from "commander";
import { openTaskRecords, OstinatoError, systemClock } from "../index";
import { openStore, readText } from "./options";

const examples = `
The record of an exclusive task stays in the store when the task is removed from the code. This deletes it, with the
task's last runs. It is refused while a live node has the task or runs it. A node that was killed counts as alive for a
minute, and the command waits for so long.
Exit codes: 0 all forgotten, 1 one has no record or is in use, or the store failed, 2 wrong usage.

Examples:
  $ ostinato forget old-report --store nats://127.0.0.1:4222
  $ ostinato forget old-report older-report --store file:data/state
`;

/** `ostinato forget`: tasks that were removed from the code leave the store. */
export function forgetCommand(program: Command): void {
  program
    .command("forget")
    .description("delete what the store keeps of tasks that no node has any more")
    .argument("<TASK...>", "the names of the tasks")
    .requiredOption("--store <STORE>", "file:PATH or nats://HOST:PORT[,HOST:PORT…]", readText)
    .option("--namespace <NAME>", 'keeps apart the stores of one NATS account (default: "ostinato")', readText)
    .addHelpText("after", examples)
    .action(async (names: string[], { store, namespace }: { store: string; namespace?: string }) => {
      process.exitCode = await forget(names, store, namespace);
    });
}

async function forget(names: readonly string[], store: string, namespace: string | undefined): Promise<number> {
  if (store === "memory") {
    throw new OstinatoError("ERR_USAGE", "--store: a memory store is seen by its own process alone");
  }
  const opened = openStore(store, namespace);
  const refused: unknown[] = [];
  const tell = (error: unknown): void => {
    if (!(error instanceof OstinatoError)) throw error;
    refused.push(error);
    console.error(`error: ${error.message}`);
  };
  try {
    const records = await openTaskRecords(opened, systemClock);
    for (const name of names) {
      await records.forget(name).then(() => console.log(`${JSON.stringify(name)} is forgotten`), tell);
    }
  } catch (error) {
    tell(error);
  } finally {
    await opened.close();
  }
  return refused.length === 0 ? 0 : 1;
}
