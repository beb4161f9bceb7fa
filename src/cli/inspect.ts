import { InvalidArgumentError, type Command } from "commander";
import { createInspector } from "../inspector/index";
import { readText } from "./options";
import { run, withRunOptions, type RunOptions } from "./run";

interface InspectOptions extends RunOptions {
  port: number;
  host: string;
  allowActions?: boolean;
  token?: string;
}

const examples = `
Runs the files as "ostinato run" does, and serves a page that shows them at work; it needs no internet. It also answers
/metrics (Prometheus) and /healthz. Any other than a loopback host needs a token: open the page as /?token=…

Examples:
  $ ostinato inspect tasks.ts
  $ ostinato inspect tasks.ts --port 8080 --allow-actions
  $ ostinato inspect tasks.ts --host 0.0.0.0 --token "$INSPECTOR_TOKEN"
`;

function readPort(text: string): number {
  const port = Number(text);
  if (text === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError("A port is a whole number from 0 to 65535; 0 takes any free one.");
  }
  return port;
}

export function inspectCommand(program: Command): void {
  withRunOptions(program.command("inspect"))
    .description("run the tasks of files, and show them at work on a local page")
    .option("--port <PORT>", "where the page is served", readPort, 4600)
    .option("--host <HOST>", "the address to listen on", readText, "127.0.0.1")
    .option("--allow-actions", "let the page trigger, pause, resume, restart and stop")
    .option("--token <TOKEN>", "what visitors must bring", readText)
    .addHelpText("after", examples)
    .action(async (files: string[], { port, host, allowActions = false, token, ...options }: InspectOptions) => {
      process.exitCode = await run(files, options, async (runtime, logger) => {
        const tokens = token === undefined ? {} : { token };
        const inspector = await createInspector(runtime, { port, host, allowActions, ...tokens });
        void runtime.finished.then(
          () => inspector.close(),
          () => inspector.close(),
        );
        logger.info({ url: inspector.url }, `the inspector is at ${inspector.url}`);
      });
    });
}
