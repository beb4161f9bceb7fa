import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Ports below those that systems give to outgoing connections (Linux from 32768, others from 49152): a port of a server
 * that is down for a moment, or that is only about to start, stays free for it. Each process begins at a place of its
 * own, so that tests beside each other do not hand out the same.
 */
const first = 10_000;
const end = 32_000;
const places = 128;
let next = first + (process.pid % places) * Math.floor((end - first) / places);

/** A port of the loopback that nobody listens on, and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next;
    next = port + 1 < end ? port + 1 : first;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
  }
  server.close();
  await once(server, "close");
  return true;
}
