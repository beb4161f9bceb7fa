import type { Command } from "commander";
import { OstinatoError } from "../index";
import { readText } from "./options";
import { queueStatus } from "./queue-status";
import { useTarget, withTarget, type TargetOptions } from "./remote";
import { taskTable } from "./task-table";

const examples = `
Through --store it shows the exclusive tasks of every node, as their records tell them; through --url all tasks of one
process. Exit codes: 0, or 1 when a task has failed since its last success.
With --queue it shows who executes the queue: partitions owned, tasks that wait for their time, that are due and that
run, as each worker told at its last renewal, a third of a lease ago at most. A worker that was killed is shown until
another one has noticed. Exit codes: 0, or 1 when a partition has no owner.

Examples:
  $ ostinato status --store nats://127.0.0.1:4222
  $ ostinato status --url http://127.0.0.1:4600 --json
  $ ostinato status --queue polls --store nats://127.0.0.1:4222
`;

export function statusCommand(program: Command): void {
  withTarget(program.command("status"))
    .description("show the tasks of a running cluster or process, or the workers of a queue")
    .option("--queue <NAME>", "a queue of assigned tasks, instead of the tasks", readText)
    .option("--json", "everything that is known, as JSON")
    .addHelpText("after", examples)
    .action(async (options: TargetOptions & { queue?: string; json?: true }) => {
      const { queue, store, url } = options;
      if (queue !== undefined) {
        if (store === undefined || url !== undefined) {
          throw new OstinatoError("ERR_USAGE", "--queue goes with --store, not with --url");
        }
        process.exitCode = await queueStatus({ ...options, queue, store }, options);
        return;
      }
      process.exitCode = await useTarget(options, async (target) => {
        const { lines, raw } = await target.status();
        console.log(options.json ? JSON.stringify(raw, null, 2) : taskTable(lines, process.stdout.columns));
        return lines.some(({ failures }) => failures > 0) ? 1 : 0;
      });
    });
}
