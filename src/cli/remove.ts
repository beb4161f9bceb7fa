import type { Command } from "commander";
import { OstinatoError, type Queue } from "../index";
import { InputLines } from "./lines";
import { useQueue, withQueue, type QueueTarget } from "./queue-target";
import { Rejections } from "./rejections";
import { show } from "../validate";

const say = (line: string): void => console.error(line);

interface Named {
  readonly place: string;
  readonly id: unknown;
}

const atOnce = 256;

const examples = `
With - it reads lines from standard input: an id as it is, a JSON string, or an object with "id", such as list prints.
A run in progress goes on to its end. Exit codes: 0, 1 when one was not there or was refused, 2 wrong usage.

Examples:
  $ ostinato remove --queue polls --store nats://127.0.0.1:4222 user:1 user:2
  $ ostinato list --queue polls --store file:data/state --prefix user: |
      ostinato remove --queue polls --store file:data/state -
`;

export function removeCommand(program: Command): void {
  withQueue(program.command("remove").argument("<ID...>", "ids of tasks; - alone: lines of standard input"))
    .description("remove tasks from a queue")
    .option("--json", "the summary as a line of JSON on stdout")
    .addHelpText("after", examples)
    .action(async (ids: string[], options: QueueTarget & { json?: true }) => {
      process.exitCode = await useQueue(options, { create: false }, async (queue) => {
        const rejections = new Rejections(say);
        const given =
          ids.length === 1 && ids[0] === "-" ? fromLines(new InputLines(["-"]), rejections) : fromWords(ids);
        const counts = await removeAll(queue, given, rejections);
        if (options.json) console.log(JSON.stringify(counts));
        else
          console.error(
            `${queue.name}: ${counts.removed} removed, ${counts.missing} not there, ${counts.rejected} rejected`,
          );
        return counts.missing + counts.rejected === 0 ? 0 : 1;
      });
    });
}

async function removeAll(
  queue: Queue,
  given: AsyncIterable<Named>,
  rejections: Rejections,
): Promise<{ removed: number; missing: number; rejected: number }> {
  let removed = 0;
  let missing = 0;
  const remove = async ({ place, id }: Named): Promise<void> => {
    try {
      if (await queue.remove(id as string)) removed += 1;
      else {
        missing += 1;
        say(`${place === "" ? "" : `${place}: `}there is no task ${show(id)}`);
      }
    } catch (error) {
      if (!(error instanceof OstinatoError) || !error.code.startsWith("ERR_INVALID_")) throw error;
      rejections.add(place, error.code, error.message);
    }
  };
  let batch: Named[] = [];
  for await (const named of given) {
    batch.push(named);
    if (batch.length < atOnce) continue;
    await Promise.all(batch.map(remove));
    batch = [];
  }
  await Promise.all(batch.map(remove));
  return { removed, missing, rejected: rejections.count };
}

async function* fromWords(ids: readonly string[]): AsyncGenerator<Named> {
  for (const id of ids) yield { place: "", id };
}

async function* fromLines(lines: InputLines, rejections: Rejections): AsyncGenerator<Named> {
  for await (const { place, text } of lines) {
    if (text === undefined) rejections.add(place, "ERR_INVALID_ID", "the line is no UTF-8, or longer than 16 MB");
    else yield { place, id: idOf(text.replace(/\r$/, "")) };
  }
}

/** What looks like JSON and is none is an id like any other. */
function idOf(text: string): unknown {
  if (!/^\s*["{]/.test(text)) return text;
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as { id?: unknown }).id : value;
  } catch {
    return text;
  }
}
