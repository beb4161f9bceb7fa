import { Option, type Command } from "commander";
import { OstinatoError, systemClock, type DeadLetter, type Queue } from "../index";
import { columns, relative } from "./columns";
import { print } from "./print";
import { useQueue, withQueue, type QueueTarget } from "./queue-target";
import { Rejections } from "./rejections";
import { quoted } from "../validate";

interface DeadLetterOptions extends QueueTarget {
  json?: true;
  retry?: string[];
  retryAll?: true;
  remove?: string[];
}

const examples = `
A dead letter is a task that was given up after its last attempt, or something that could not be accepted, with the
reason. A retry assigns its task to be run at once, and removes the letter. Exit codes: 0, 1 when a letter was not there
or no task can be made of it, 2 wrong usage.

Examples:
  $ ostinato dead-letters --queue polls --store nats://127.0.0.1:4222
  $ ostinato dead-letters --queue polls --store nats://127.0.0.1:4222 --retry 0mi8x1k2c-5f1c2ab3
  $ ostinato dead-letters --queue polls --store file:data/state --retry-all
`;

export function deadLettersCommand(program: Command): void {
  withQueue(program.command("dead-letters"))
    .description("show what a queue could not accept or run, and try it again")
    .addOption(new Option("--json", "lines of JSON (default in a pipe), or the summary as one"))
    .addOption(new Option("--retry <KEY...>", "run the tasks of these letters now").conflicts(["retryAll", "remove"]))
    .addOption(new Option("--retry-all", "run the tasks of all letters now").conflicts("remove"))
    .addOption(new Option("--remove <KEY...>", "remove these letters"))
    .addHelpText("after", examples)
    .action(async (options: DeadLetterOptions) => {
      process.exitCode = await useQueue(options, { create: false }, (queue) => {
        const { retry, remove } = options;
        if (remove !== undefined) return each(queue, "removed", remove, options);
        if (retry !== undefined || options.retryAll) return retryThem(queue, retry, options);
        return show(queue, options);
      });
    });
}

/** Their keys are read before the first is retried: a task that fails at once again makes a new letter. */
async function retryThem(queue: Queue, given: string[] | undefined, options: DeadLetterOptions): Promise<number> {
  const keys = given ?? [];
  if (given === undefined) for await (const { key } of queue.deadLetters()) keys.push(key);
  return each(queue, "retried", keys, options);
}

async function each(
  queue: Queue,
  what: "retried" | "removed",
  keys: readonly string[],
  { json }: DeadLetterOptions,
): Promise<number> {
  const rejections = new Rejections((line) => console.error(line));
  let done = 0;
  for (const key of keys) {
    try {
      if (what === "retried") await queue.retryDeadLetter(key);
      else if (!(await queue.removeDeadLetter(key))) missing(key);
      done += 1;
    } catch (error) {
      if (!(error instanceof OstinatoError && error.code === "ERR_UNKNOWN_TASK")) throw error;
      rejections.add(key, error.code, error.message);
    }
  }
  const counts = { [what]: done, rejected: rejections.count };
  if (json) console.log(JSON.stringify(counts));
  else console.error(`${queue.name}: ${done} ${what}, ${rejections.count} rejected`);
  return rejections.count === 0 ? 0 : 1;
}

function missing(key: string): never {
  throw new OstinatoError("ERR_UNKNOWN_TASK", `there is no dead letter ${quoted(key)}`);
}

async function show(queue: Queue, { json }: DeadLetterOptions): Promise<number> {
  const forPeople = !json && process.stdout.isTTY;
  const now = systemClock.now();
  const rows = [["KEY", "REASON", "ATTEMPTS", "GIVEN UP", "ID", "ERROR"]];
  for await (const letter of queue.deadLetters()) {
    if (forPeople) rows.push(cellsOf(letter, now));
    else await print(JSON.stringify({ ...letter, at: new Date(letter.at).toISOString() }));
  }
  if (forPeople) console.log(rows.length > 1 ? columns(rows, process.stdout.columns) : "no dead letters");
  return 0;
}

function cellsOf({ key, reason, attempts, at, id, error, code }: DeadLetter, now: number): string[] {
  return [
    key,
    reason,
    String(attempts),
    relative(at - now),
    id ?? "",
    code === undefined ? error : `${code}: ${error}`,
  ];
}
