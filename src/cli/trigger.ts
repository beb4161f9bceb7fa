import type { Command } from "commander";
import { addTaskCommand } from "./command-task";

export function triggerCommand(program: Command): void {
  addTaskCommand(program, "trigger", "have a task run now");
}
