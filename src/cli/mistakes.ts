import { OstinatoError, type ErrorCode } from "../index";

const mistakes: readonly ErrorCode[] = [
  "ERR_USAGE",
  "ERR_MODULE",
  "ERR_INVALID_OPTION",
  "ERR_INVALID_DURATION",
  "ERR_INVALID_SCHEDULE",
  "ERR_INVALID_TIME_ZONE",
  "ERR_INVALID_ID",
  "ERR_DUPLICATE_NAME",
];

/** What to tell whoever typed something that is not allowed; nothing for any other failure. */
export function describeMistake(error: unknown): string | undefined {
  return error instanceof OstinatoError && mistakes.includes(error.code) ? error.message : undefined;
}
