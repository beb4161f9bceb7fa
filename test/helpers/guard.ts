import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { performance } from "node:perf_hooks";

/** What a run asks for, one JSON line each; the answer is one line too. */
export interface Asked {
  readonly op: "begin" | "write" | "end";
  readonly task: string;
  readonly node: string;
  readonly run: string;
  readonly token: number;
}

export interface Begun extends Asked {
  /** On the guard's monotonic clock, in milliseconds. */
  readonly at: number;
}

/**
 * What runs write to: it keeps the largest fencing token that it has seen of each task and refuses smaller ones. It is
 * also the witness who sees whether two runs of one task are ever open at once: a run waits for the answer to its
 * "begin" before it does anything, and to its "end" before it returns.
 */
export interface Guard {
  readonly port: number;
  /** All runs that have begun, in order. */
  readonly begun: readonly Begun[];
  /** Pairs of runs of one task that were open at the same time. */
  readonly overlaps: readonly string[];
  /** What was refused because of its token. */
  readonly refused: readonly Asked[];
  open(task: string): readonly Asked[];
  /** What this node has open does not count any more: it is frozen, and may wake up believing what was true before. */
  excuse(node: string): void;
  /** Resolves when this holds; it is asked after everything that happens. */
  until(what: string, holds: () => boolean): Promise<void>;
  now(): number;
  close(): Promise<void>;
}

export async function startGuard(): Promise<Guard> {
  const begun: Begun[] = [];
  const overlaps: string[] = [];
  const refused: Asked[] = [];
  const openRuns = new Map<string, Asked>();
  const highest = new Map<string, number>();
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  const happened = () => {
    for (const look of [...waiting]) look();
  };

  const take = (asked: Asked): { ok: boolean; highest: number } => {
    const top = Math.max(highest.get(asked.task) ?? 0, asked.token);
    highest.set(asked.task, top);
    const ok = asked.token === top;
    if (!ok) refused.push(asked);
    if (asked.op === "end") openRuns.delete(asked.run);
    if (asked.op === "begin") {
      for (const other of openRuns.values()) {
        if (other.task === asked.task) overlaps.push(`${other.node} ${other.run} and ${asked.node} ${asked.run}`);
      }
      openRuns.set(asked.run, asked);
      begun.push({ ...asked, at: performance.now() });
    }
    return { ok, highest: top };
  };

  const server = createServer((socket) => {
    sockets.add(socket);
    const mine = new Set<string>();
    const lines = createInterface({ input: socket });
    lines.on("error", () => undefined);
    lines.on("line", (line) => {
      const asked = JSON.parse(line) as Asked;
      mine.add(asked.run);
      socket.write(`${JSON.stringify(take(asked))}\n`);
      happened();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      for (const run of mine) openRuns.delete(run);
      happened();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    begun,
    overlaps,
    refused,
    open: (task) => [...openRuns.values()].filter((run) => run.task === task),
    excuse(node) {
      for (const [run, asked] of openRuns) if (asked.node === node) openRuns.delete(run);
    },
    until: (what, holds) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`waited in vain for ${what}; begun: ${JSON.stringify(begun.slice(-5))}`));
        }, 60_000);
        const look = () => {
          if (!holds()) return;
          clearTimeout(late);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    now: () => performance.now(),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
