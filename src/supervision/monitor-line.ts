import { escaped, quoted } from "../validate";

/** `plain`: `START backup`. `neat`: `### [START] neat-periodic-task: "backup"`, for alerts on that text (`N9`). */
export type Messages = "plain" | "neat";

/** The text of a monitor line: what happened to which task, and what more there is to say. */
export type MonitorLine = (mark: string, task: string, more?: string) => string;

export const defaultLabel = "neat-periodic-task";

/** Letters, digits and what stands in file names, with single spaces between: nothing that could look like more of the line. */
const plainText = /^[\p{L}\p{M}\p{N}._:/@#+-]+(?: [\p{L}\p{M}\p{N}._:/@#+-]+)*$/u;

/** @param label what neat lines call the tasks. */
export function monitorLine(messages: Messages, label: string): MonitorLine {
  if (messages === "neat") return (mark, task, more = "") => `### [${mark}] ${escaped(label)}: ${quoted(task)}${more}`;
  return (mark, task, more = "") => `${mark} ${plainText.test(task) ? task : quoted(task)}${more}`;
}
