/**
 * One `main` for everything that runs in a process: a web server, a consumer that never ends, and periodic tasks.
 * SIGINT and SIGTERM end it in order: no new run, requests in flight are answered, the consumer finishes its message.
 *
 *     node --conditions ostinato-source -r ts-node/register examples/03-one-main.ts
 */
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { createRuntime, httpServerTask, interval, main, type Task } from "ostinato";

const inbox: string[] = [];
const runtime = createRuntime();

/** Long-lived: no schedule. It ends when its signal is aborted, and is restarted if it fails. */
const consume: Task = async ({ signal, logger }) => {
  while (!signal.aborted) {
    const message = inbox.shift();
    if (message !== undefined) logger.info({ message }, "consumed");
    await pause(200, undefined, { signal }).catch(() => undefined);
  }
};

runtime.spawn({ name: "consumer", run: consume, retry: { initialDelay: "1s", maxDelay: "1m" } });
runtime.spawn({
  name: "count",
  schedule: interval("2s"),
  run: ({ logger }) => logger.info({ waiting: inbox.length }, "messages wait"),
});

const server = createServer((request, response) => {
  inbox.push(request.url ?? "/");
  response.end("taken in\n");
});
server.once("listening", () => console.log("listening", server.address()));

const port = Number(process.env["PORT"] ?? 0);
void main(runtime.task(), httpServerTask(server, { host: "127.0.0.1", port })).then((code) => process.exit(code));
