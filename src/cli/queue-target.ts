import type { Command } from "commander";
import pino from "pino";
import { createRuntime, OstinatoError, type Queue } from "../index";
import { describeMistake } from "./mistakes";
import { openStore, readText } from "./options";

/** How a command finds a queue. */
export interface QueueTarget {
  queue: string;
  store: string;
  namespace?: string;
  inboxPrefix?: string;
}

/** What `--queue`, `--store` and `--namespace` are to every command about a queue. */
export function withQueue(command: Command): Command {
  return command
    .requiredOption("--queue <NAME>", "the queue's name", readText)
    .requiredOption("--store <STORE>", "where it lives: file:PATH or nats://HOST:PORT[,HOST:PORT…]", readText)
    .option("--namespace <NAME>", 'keeps apart the stores of one NATS account (default: "ostinato")', readText)
    .option("--inbox-prefix <PREFIX>", "where NATS answers, if this user may not listen to _INBOX.>", readText);
}

/**
 * Opens, uses and closes it, without executing anything; resolves to the exit code. What the store or the queue refuses
 * is told by its code, without a stack; what was typed wrongly is thrown.
 *
 * @param create make a queue that is not there; otherwise ERR_UNKNOWN_QUEUE.
 */
export async function useQueue(
  { queue: name, store: place, namespace, inboxPrefix }: QueueTarget,
  { create }: { create: boolean },
  use: (queue: Queue) => Promise<number>,
): Promise<number> {
  if (place === "memory") {
    throw new OstinatoError("ERR_USAGE", "--store: a memory store is seen by its own process alone");
  }
  const runtime = createRuntime({ store: openStore(place, namespace, inboxPrefix), logger: pino({ level: "silent" }) });
  try {
    return await use(await runtime.queue({ name, create, intake: false }));
  } catch (error) {
    if (!(error instanceof OstinatoError) || describeMistake(error) !== undefined) throw error;
    console.error(`error: ${error.code}: ${error.message}`);
    return 1;
  } finally {
    await runtime.stop();
  }
}
