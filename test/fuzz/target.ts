import { connect, type NatsConnection } from "nats";
import { createRuntime, interval, natsStore, type Queue, type Runtime } from "ostinato";
import { createInspector, type Inspector } from "ostinato/inspector";
import pino from "pino";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";
import { Commands } from "./commands";

/** A service under attack: a queue in NATS, a periodic task and the page, in this process; the command line beside it. */
export interface Target {
  readonly client: NatsConnection;
  readonly queue: Queue;
  readonly commands: Commands;
  readonly port: number;
  /** What a page needs to write. */
  readonly pageToken: string;
  /** Assigns a task, and resolves once it has run. */
  serves(): Promise<void>;
  /** The last warnings and errors that the service has logged. */
  lastWords(): string;
  end(): Promise<void>;
}

export async function startTarget(): Promise<Target> {
  const server = await startNatsServer();
  const client = await connect({ servers: server.url, timeout: 20_000 });
  const commands = new Commands();
  const parts = { server, client, commands };
  const log: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line: string) => log.push(line) > 50 && log.shift() });
  const runtime = createRuntime({ store: natsStore({ servers: server.url }), logger });
  const waiting = new Map<unknown, () => void>();
  runtime.spawn({ name: "tick", schedule: interval("1h"), run: () => undefined });
  const queue = await runtime.queue({ name: "mail", partitions: 4, run: (payload) => waiting.get(payload)?.() });
  await runtime.start();
  const inspector = await createInspector(runtime, { port: 0, allowActions: true });
  const page = await (await fetch(inspector.url)).text();
  await commands.ready();
  let served = 0;
  return {
    client,
    queue,
    commands,
    port: Number(new URL(inspector.url).port),
    pageToken: /name="ostinato-token" content="([^"]+)"/.exec(page)?.[1] ?? "",
    async serves() {
      const payload = `still served ${String((served += 1))}`;
      const run = new Promise<void>((resolve) => waiting.set(payload, resolve));
      await queue.assign({ id: payload, payload });
      await run;
      waiting.delete(payload);
    },
    lastWords: () => log.join(""),
    end: () => end(parts, runtime, inspector),
  };
}

async function end(
  { server, client, commands }: { server: NatsServer; client: NatsConnection; commands: Commands },
  runtime: Runtime,
  inspector: Inspector,
): Promise<void> {
  commands.end();
  await inspector.close();
  await runtime.stop();
  await client.close();
  await server.stop();
}
