import pino, { type Logger } from "pino";
import pretty from "pino-pretty";

export interface LogOptions {
  readonly level: string;
  /** Lines for people, in colour where the terminal shows colours; otherwise JSON. */
  readonly pretty: boolean;
}

/** A logger on stdout whose lines are out when the call returns: nothing is lost however the process ends. */
export function makeLogger({ level, pretty: forPeople }: LogOptions): Logger {
  const stream = forPeople
    ? pretty({
        colorize: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
        sync: true,
        translateTime: "SYS:HH:MM:ss.l",
        singleLine: true,
        ignore: "pid,hostname,event,task,runId,attempt,scheduledAt,fencingToken",
        messageFormat: ({ event, task, msg }) =>
          event === undefined && typeof task === "string" ? `${task}: ${String(msg)}` : String(msg),
      })
    : pino.destination({ dest: 1, sync: true });
  // The reader of the pipe has gone: there is nobody left to tell.
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return pino({ level }, stream);
}
