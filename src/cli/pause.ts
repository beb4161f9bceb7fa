import type { Command } from "commander";
import { addTaskCommand } from "./command-task";

export function pauseCommand(program: Command): void {
  addTaskCommand(program, "pause", "let no run of a task begin, until resume");
}
