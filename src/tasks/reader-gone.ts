import { pino, type Logger } from "pino";

interface Output {
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  off(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
  listenerCount(event: "error"): number;
}

/** What a shell reports of a process that SIGPIPE ended. */
export const readerGoneCode = 141;

/**
 * Calls `listener` once when the reader of a pipe has gone that this process writes to: its stdout, its stderr, or where
 * `logger` writes. Returns the function that ends it; once a reader has gone, errors of that output stay unheard, as
 * there will be one for every line.
 */
export function onReaderGone(outputs: readonly Output[], listener: (error: Error) => void): () => void {
  let isGone = false;
  const ends = [...new Set(outputs)].map((output) => {
    const note = (error: NodeJS.ErrnoException): void => {
      if (error.code !== "EPIPE" && error.code !== "ECONNRESET") {
        // Nobody else listens: it must not go unseen.
        if (!isGone && output.listenerCount("error") === 1) throw error;
        return;
      }
      if (isGone) return;
      isGone = true;
      listener(error);
    };
    output.on("error", note);
    return () => output.off("error", note);
  });
  return () => {
    if (!isGone) for (const end of ends) end();
  };
}

/** The outputs of this process itself. */
export const ownOutputs = (): Output[] => [process.stdout, process.stderr];

/** Where a pino logger writes, if that is a stream that tells of errors. */
export function outputsOf(logger: Logger): Output[] {
  const stream = (logger as { [pino.symbols.streamSym]?: Partial<Output> | null })[pino.symbols.streamSym];
  const tells = typeof stream?.on === "function" && typeof stream.off === "function";
  return tells && typeof stream.listenerCount === "function" ? [stream as Output] : [];
}
