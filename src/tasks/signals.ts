import { constants } from "node:os";
import { isArray, refuse } from "../validate";

/** The signals that ask a process to end. */
export const endingSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/** Refuses names that are no signals here, and the two that no process can listen to. */
export function requireSignals(option: string, signals: readonly NodeJS.Signals[]): readonly NodeJS.Signals[] {
  if (!isArray(signals)) refuse(option, "an array of signal names", signals);
  for (const name of signals) {
    if (
      typeof name !== "string" ||
      !Object.hasOwn(constants.signals, name) ||
      name === "SIGKILL" ||
      name === "SIGSTOP"
    ) {
      refuse(option, "names of signals that a process can listen to", name);
    }
  }
  return signals;
}

/** Calls `listener` at each of exactly these signals; returns the function that ends it. */
export function onSignals(signals: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void): () => void {
  const listeners = [...new Set(signals)].map((name) => ({ name, listen: () => listener(name) }));
  for (const { name, listen } of listeners) process.on(name, listen);
  return () => {
    for (const { name, listen } of listeners) process.removeListener(name, listen);
  };
}

/** The code a shell shows for a process that a signal ended: 130 for SIGINT, 143 for SIGTERM. */
export function exitCodeOf(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}
