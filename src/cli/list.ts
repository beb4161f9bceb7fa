import type { Command } from "commander";
import { systemClock, type AssignedTask } from "../index";
import { exactly, fit, relative, visible } from "./columns";
import { readText } from "./options";
import { print } from "./print";
import { useQueue, withQueue, type QueueTarget } from "./queue-target";

const examples = `
In a pipe, or with --json, each task is a line of JSON as assign reads it: "at" is when it is due next. In no promised
order. Exit codes: 0, 1 when there is no such queue or the store failed, 2 wrong usage.

Examples:
  $ ostinato list --queue polls --store nats://127.0.0.1:4222 --prefix user:
  $ ostinato list --queue polls --store file:data/state > tasks.jsonl
  $ ostinato list --queue polls --store file:old | ostinato assign --queue polls --store nats://127.0.0.1:4222
`;

export function listCommand(program: Command): void {
  withQueue(program.command("list"))
    .description("list the tasks of a queue")
    .option("--prefix <TEXT>", "only ids that begin so", readText, "")
    .option("--json", "lines of JSON (default in a pipe)")
    .addHelpText("after", examples)
    .action(async (options: QueueTarget & { prefix: string; json?: true }) => {
      process.exitCode = await useQueue(options, { create: false }, async (queue) => {
        const forPeople = !options.json && process.stdout.isTTY;
        if (forPeople) await print(row("NEXT", "REPEATS", "STATE", "ID"));
        for await (const task of queue.list({ prefix: options.prefix })) {
          await print(forPeople ? describe(task) : JSON.stringify(assignmentOf(task)));
        }
        return 0;
      });
    });
}

function assignmentOf({ id, payload, due, every, cron, timeZone }: AssignedTask): unknown {
  return { id, payload, at: due.toISOString(), every, cron, timeZone };
}

function describe({ id, due, every, cron, timeZone, running, retryAt, attempt }: AssignedTask): string {
  const next = relative((retryAt ?? due).getTime() - systemClock.now());
  const calendar = [cron, timeZone].filter((part) => part !== undefined).join(" ");
  const repeats = every === undefined ? calendar : `every ${exactly(every)}`;
  const state = running ? "running" : retryAt === undefined ? "waiting" : `retry ${String(attempt)}`;
  return row(next, repeats, state, id);
}

const row = (next: string, repeats: string, state: string, id: string): string =>
  [fit(next, 8), fit(visible(repeats), 28), fit(state, 9), visible(id)].join("  ");
