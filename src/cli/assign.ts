import { toError } from "../foreign";
import type { Command } from "commander";
import { OstinatoError, type Assignment, type Duration } from "../index";
import { readAt } from "../rules/producer-message";
import { assignAll, readAssignments, type Given } from "./assignments";
import { InputLines } from "./lines";
import { readText } from "./options";
import { ProgressBar } from "./progress-bar";
import { useQueue, withQueue, type QueueTarget } from "./queue-target";
import { Rejections } from "./rejections";

interface AssignOptions extends QueueTarget {
  id?: string;
  payload?: string;
  at?: string;
  every?: string;
  cron?: string;
  zone?: string;
  json?: true;
}

const examples = `
A task is a line of JSON: { "id", "payload", "at"?, "every"? | "cron"?, "timeZone"? }. "at" is ISO 8601 or milliseconds
since 1970 and says when it is due first (default: at once, or at the first time of "cron"). An id that is assigned
already is updated; of several lines with one id the last one stays. The input is read as it is assigned, and the queue
is made if it is not there. Each line that is refused is told on stderr with its number, a code and the reason, and stops
nothing.
Exit codes: 0, 1 when something was refused or the store failed, 2 wrong usage.

Examples:
  $ ostinato assign --queue polls --store nats://127.0.0.1:4222 < tasks.jsonl
  $ ostinato assign --queue polls --store file:data/state tasks.jsonl more.jsonl --json
  $ ostinato assign --queue polls --store file:data/state --id user:1 --payload '{"url":"/1"}' --every 60s
  $ ostinato assign --queue polls --store file:data/state --id digest --cron "0 9 * * *" --zone Europe/Paris
  $ seq 1000 | awk '{ printf "{\\"id\\":\\"user:%d\\",\\"payload\\":{},\\"every\\":\\"60s\\"}\\n", $1 }' |
      ostinato assign --queue polls --store nats://127.0.0.1:4222
`;

export function assignCommand(program: Command): void {
  withQueue(program.command("assign").argument("[FILE...]", "files of JSON lines; - or none: standard input"))
    .description("assign tasks to a queue, from JSON lines or one by flags")
    .option("--id <ID>", "one task by flags, instead of lines", readText)
    .option("--payload <JSON>", "its payload (default: null)", readText)
    .option("--at <TIME>", "when it is due first: ISO 8601, or milliseconds since 1970", readText)
    .option("--every <DURATION>", "repeats it", readText)
    .option("--cron <EXPRESSION>", "repeats it by the calendar", readText)
    .option("--zone <ZONE>", "the time zone of --cron (default: this machine's)", readText)
    .option("--json", "the summary as a line of JSON on stdout")
    .addHelpText("after", examples)
    .action(async (files: string[], options: AssignOptions) => {
      process.exitCode = await assign(files, options);
    });
}

async function assign(files: readonly string[], options: AssignOptions): Promise<number> {
  const single = readSingle(files, options);
  const lines = single === undefined ? new InputLines(files) : undefined;
  if (process.stdin.isTTY && (files.includes("-") || (lines !== undefined && files.length === 0))) {
    console.error("reading JSON lines from this terminal; Ctrl-D ends them");
  }
  const bar = new ProgressBar(process.stderr);
  const say = (line: string): void => {
    bar.clear();
    console.error(line);
  };
  const rejections = new Rejections(say);
  let dealt = 0;
  return useQueue(options, { create: true }, async (queue) => {
    const given = lines === undefined ? one(single as Assignment) : readAssignments(lines, rejections);
    try {
      const { created, updated } = await assignAll(queue, given, rejections, (done) => {
        dealt = done;
        bar.show(done, lines?.total === undefined ? undefined : lines.bytes / lines.total);
      });
      const counts = { created, updated, rejected: rejections.count };
      if (options.json) console.log(JSON.stringify(counts));
      else say(`${queue.name}: ${created} created, ${updated} updated, ${rejections.count} rejected`);
      return rejections.count === 0 ? 0 : 1;
    } catch (error) {
      say(`${queue.name}: stopped after ${dealt} tasks; what was assigned stays, and may be assigned again`);
      throw error;
    } finally {
      bar.clear();
    }
  });
}

async function* one(assignment: Assignment): AsyncGenerator<Given> {
  yield { place: "", assignment };
}

/** The task that the flags describe, if they describe one. @throws OstinatoError ERR_USAGE */
function readSingle(files: readonly string[], options: AssignOptions): Assignment | undefined {
  const { id, payload = "null", at, every, cron, zone } = options;
  if (id === undefined) {
    const flag = (["payload", "at", "every", "cron", "zone"] as const).find((name) => options[name] !== undefined);
    if (flag !== undefined) throw new OstinatoError("ERR_USAGE", `--${flag} goes with --id, which describes one task`);
    return undefined;
  }
  if (files.length > 0) throw new OstinatoError("ERR_USAGE", "give either --id (one task) or files of JSON lines");
  return {
    id,
    payload: readPayload(payload),
    ...(at === undefined ? {} : { at: readAt(/^\d+$/.test(at) ? Number(at) : at) }),
    ...(every === undefined ? {} : { every: every as Duration }),
    ...(cron === undefined ? {} : { cron }),
    ...(zone === undefined ? {} : { timeZone: zone }),
  };
}

function readPayload(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const why = toError(cause).message;
    throw new OstinatoError("ERR_USAGE", `--payload: expected JSON, such as '{"url":"/1"}' or '"text"': ${why}`);
  }
}
