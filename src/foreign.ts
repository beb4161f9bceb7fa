/**
 * The one place that reads what others made: values that a task throws, returns, logs or reports, and what listeners
 * and observers throw. Nothing here throws, and what it returns is bounded and runs no code when it is read.
 */
export { callGuarded, guardSignal, unreadKind, whenSettled } from "./foreign/calls";
export { toError } from "./foreign/errors";
export { guardLogger, isEnabled, logLevels } from "./foreign/logger";
export {
  cut,
  isError,
  longestMessage,
  longestStack,
  plainOf,
  read,
  setOwn,
  textOf,
  type Plain,
  type PlainLimits,
} from "./foreign/plain";
