import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./ports";

export interface TcpProxy {
  readonly url: string;
  /** Nothing passes in either direction and nobody is told; what is sent meanwhile passes after `heal()`. */
  blackHole(): void;
  /** Bytes of the server are thrown away, those to the server pass. `heal()` then resets what has lost some. */
  loseReplies(): void;
  /** Resets every connection. */
  cut(): void;
  /** Resets every connection and refuses new ones. */
  refuse(): Promise<void>;
  /** Lets everything pass again, what was held first. */
  heal(): Promise<void>;
  close(): Promise<void>;
  /** Resolves when the next client has connected. */
  nextConnection(): Promise<void>;
}

/** One connection through the proxy. Ends and bytes alike wait while the proxy is a black hole. */
class Passage {
  private readonly held: (() => void)[] = [];

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly way: { readonly holds: boolean; readonly loses: boolean },
  ) {
    client.on("data", (bytes) => {
      this.pass(() => server.write(bytes));
    });
    server.on("data", (bytes) => {
      if (!way.loses) this.pass(() => client.write(bytes));
    });
    client.on("close", () => {
      this.pass(() => server.end());
    });
    server.on("close", () => {
      this.pass(() => client.end());
    });
    client.on("error", () => undefined);
    server.on("error", () => undefined);
  }

  release(): void {
    for (const act of this.held.splice(0)) act();
  }

  cut(): void {
    this.held.length = 0;
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  private pass(act: () => void): void {
    if (this.way.holds) this.held.push(act);
    else act();
  }
}

/** A way to a server on the loopback that a test can block, break and mend. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const passages = new Set<Passage>();
  const waiting = new Set<() => void>();
  const way = { holds: false, loses: false };
  let listener: Server | undefined;

  const port = await freePort();
  const listen = async () => {
    listener = createServer((client) => {
      passages.add(new Passage(client, connect(target, "127.0.0.1"), way));
      for (const resolve of waiting) resolve();
      waiting.clear();
    }).listen(port, "127.0.0.1");
    await once(listener, "listening");
  };
  const cut = () => {
    for (const passage of passages) passage.cut();
    passages.clear();
  };
  const refuse = async () => {
    const closing = listener;
    listener = undefined;
    if (!closing) return;
    closing.close();
    cut();
    await once(closing, "close");
  };

  await listen();
  return {
    url: `nats://127.0.0.1:${String(port)}`,
    blackHole() {
      way.holds = true;
    },
    loseReplies() {
      way.loses = true;
    },
    cut,
    refuse,
    async heal() {
      if (way.loses) cut();
      way.holds = way.loses = false;
      for (const passage of passages) passage.release();
      if (!listener) await listen();
    },
    close: refuse,
    nextConnection: () => new Promise((resolve) => waiting.add(resolve)),
  };
}
