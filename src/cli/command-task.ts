import type { Command } from "commander";
import { useTarget, withTarget, type TargetOptions } from "./remote";

/** A command that asks for one action on one task: `trigger`, `pause`, `resume`. */
export function addTaskCommand(program: Command, action: "trigger" | "pause" | "resume", description: string): void {
  withTarget(program.command(action).argument("<TASK>", "the task's name"))
    .description(description)
    .addHelpText(
      "after",
      `
Through --store it reaches the exclusive tasks of every node; through --url any task of one process, whose inspector
must allow actions.

Examples:
  $ ostinato ${action} backup --store nats://127.0.0.1:4222
  $ ostinato ${action} backup --url http://127.0.0.1:4600
`,
    )
    .action(async (task: string, options: TargetOptions) => {
      process.exitCode = await useTarget(options, async (target) => {
        const { ok, message } = await target.act(action, task);
        (ok ? console.log : console.error)(message);
        return ok ? 0 : 1;
      });
    });
}
