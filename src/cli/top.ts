import type { Command } from "commander";
import { systemClock } from "../index";
import { readDuration } from "./options";
import { useTarget, withTarget, type Line, type TargetOptions } from "./remote";
import { taskTable } from "./task-table";

const clear = "\u001b[H\u001b[2J";
const order = ["running", "backoff", "paused"];

export function topCommand(program: Command): void {
  withTarget(program.command("top"))
    .description("show the tasks of a running cluster or process, live, until Ctrl-C")
    .option("--every <DURATION>", "how often to look", readDuration, 1_000)
    .option("--count <NUMBER>", "end after this many looks", Number)
    .action(async (options: TargetOptions & { every: number; count?: number }) => {
      let going = true;
      let wake = (): void => undefined;
      process.once("SIGINT", () => {
        going = false;
        wake();
      });
      process.exitCode = await useTarget(options, async (target) => {
        for (let look = 1; going; look++) {
          const { lines } = await target.status();
          console.log(screen(lines, target.description));
          if (look === options.count) break;
          await new Promise<void>((resolve) => {
            wake = resolve;
            systemClock.setTimeout(resolve, options.every);
          });
        }
        return 0;
      });
    });
}

/** Running ones first, then those in trouble; as many as fit. */
function screen(lines: readonly Line[], where: string): string {
  const rank = ({ state }: Line): number => (order.indexOf(state) + order.length + 1) % (order.length + 1);
  const sorted = [...lines].sort((a, b) => rank(a) - rank(b) || b.failures - a.failures);
  const running = lines.filter(({ state }) => state === "running").length;
  const failing = lines.filter(({ failures }) => failures > 0).length;
  const head = `${where}   ${String(lines.length)} tasks, ${String(running)} running, ${String(failing)} failing`;
  const height = (process.stdout.rows ?? 40) - 4;
  const text = `${head}\n\n${taskTable(sorted.slice(0, height), process.stdout.columns)}`;
  return process.stdout.isTTY ? clear + text : `${text}\n`;
}
