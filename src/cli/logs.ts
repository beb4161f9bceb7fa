import { textOf } from "../foreign";
import pino, { type Logger } from "pino";
import pretty from "pino-pretty";

/** As a shell reports SIGPIPE: work was cut short. */
const readerGoneCode = 141;

/** A pipe, or a socket, whose other end was closed. */
export const isReaderGone = ({ code }: NodeJS.ErrnoException): boolean => code === "EPIPE" || code === "ECONNRESET";

export interface LogOptions {
  readonly level: string;
  /** Lines for people, in colour where the terminal shows colours; otherwise JSON. */
  readonly pretty: boolean;
}

let isServing = false;

/** Whether this command runs tasks, so that `main` lets them end when the reader of their output goes. */
export const servesTasks = (): boolean => isServing;

/** A logger on stdout whose lines are out when the call returns: nothing is lost however the process ends. */
export function makeLogger({ level, pretty: forPeople }: LogOptions): Logger {
  isServing = true;
  const output = pino.destination({ dest: 1, sync: true });
  const stream = forPeople
    ? pretty({
        destination: output,
        colorize: process.stdout.isTTY && process.env["NO_COLOR"] === undefined,
        translateTime: "SYS:HH:MM:ss.l",
        singleLine: true,
        ignore: "pid,hostname,event,task,runId,attempt,scheduledAt,fencingToken",
        messageFormat: ({ event, task, msg }) =>
          event === undefined && typeof task === "string" ? `${task}: ${textOf(msg)}` : textOf(msg),
      })
    : output;
  // The formatter keeps errors of what it writes to to itself.
  if (stream !== output) output.on("error", (error: Error) => stream.emit("error", error));
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // The reader of the pipe has gone: whoever else listens, as `main` does, lets the work end first.
    if (stream.listenerCount("error") <= listeners) process.exit(isReaderGone(error) ? readerGoneCode : 1);
  });
  const listeners = stream.listenerCount("error");
  return pino({ level }, stream);
}
