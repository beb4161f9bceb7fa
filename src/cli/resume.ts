import type { Command } from "commander";
import { addTaskCommand } from "./command-task";

export function resumeCommand(program: Command): void {
  addTaskCommand(program, "resume", "let a paused task run again");
}
