// Carries out command lines, one after another, as their process would: each comes as a message, and so does its end.
import { Command, CommanderError } from "commander";
import { OstinatoError } from "ostinato";
import { assignCommand } from "../../src/cli/assign";
import { deadLettersCommand } from "../../src/cli/dead-letters";
import { doctorCommand } from "../../src/cli/doctor";
import { listCommand } from "../../src/cli/list";
import { nextCommand } from "../../src/cli/next";
import { pauseCommand } from "../../src/cli/pause";
import { removeCommand } from "../../src/cli/remove";
import { resumeCommand } from "../../src/cli/resume";
import { statusCommand } from "../../src/cli/status";
import { triggerCommand } from "../../src/cli/trigger";

const commands = [
  ...[assignCommand, deadLettersCommand, doctorCommand, listCommand, nextCommand, pauseCommand, removeCommand],
  ...[resumeCommand, statusCommand, triggerCommand],
];

async function carryOut(args: string[]): Promise<string> {
  const program = new Command("ostinato").exitOverride().configureOutput({ writeErr: () => undefined });
  for (const add of commands) add(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return "";
  } catch (error) {
    if (error instanceof CommanderError || error instanceof OstinatoError) return "";
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

process.on("message", (args: string[]) => {
  void carryOut(args).then((problem) => process.send?.(problem));
});
process.on("disconnect", () => process.exit());
process.send?.("");
