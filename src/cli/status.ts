import type { Command } from "commander";
import { useTarget, withTarget, type TargetOptions } from "./remote";
import { taskTable } from "./task-table";

const examples = `
Through --store it shows the exclusive tasks of every node, as their records tell them; through --url all tasks of one
process. Exit codes: 0, or 1 when a task has failed since its last success.

Examples:
  $ ostinato status --store nats://127.0.0.1:4222
  $ ostinato status --url http://127.0.0.1:4600 --json
`;

export function statusCommand(program: Command): void {
  withTarget(program.command("status"))
    .description("show the tasks of a running cluster or process")
    .option("--json", "everything that is known, as JSON")
    .addHelpText("after", examples)
    .action(async (options: TargetOptions & { json?: true }) => {
      process.exitCode = await useTarget(options, async (target) => {
        const { lines, raw } = await target.status();
        console.log(options.json ? JSON.stringify(raw, null, 2) : taskTable(lines, process.stdout.columns));
        return lines.some(({ failures }) => failures > 0) ? 1 : 0;
      });
    });
}
