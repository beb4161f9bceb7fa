/**
 * One tasks file, run by any number of processes against one nats-server:
 *
 *     nats-server --jetstream
 *     npx ostinato run examples/05-cluster.ts --store nats://127.0.0.1:4222     # in three terminals
 *
 * "invoices" and "report" run in one process at a time, whichever takes them; "cache" runs in each of the three. End a
 * process, in whatever way: another one goes on.
 */
import { daily, interval, type Runtime, type TaskContext } from "ostinato";

/** Something outside that invoices are written to. It refuses whoever comes with an older token than the last. */
export const ledger = { token: 0, lines: [] as string[] };

function write({ fencingToken, name }: TaskContext, line: string): void {
  if (fencingToken < ledger.token) throw new Error(`${name} has been taken over by another process`);
  ledger.token = fencingToken;
  ledger.lines.push(line);
}

export default function tasks(runtime: Runtime): void {
  runtime.spawn({
    name: "invoices",
    schedule: interval("10s"),
    timeout: "5s",
    run: (context) => {
      // Aborted when the process stops, the time is over, or another process may have taken over.
      context.signal.throwIfAborted();
      write(context, `invoices of ${context.scheduledAt.toISOString()}`);
      context.logger.info({ node: runtime.nodeId }, "invoices written");
    },
  });

  runtime.spawn({
    name: "report",
    schedule: daily({ hour: 6, minute: 30, timeZone: "Europe/Paris" }),
    misfire: "once", // If nobody was up at half past six, whoever is up first makes up for it.
    retry: { initialDelay: "30s", limit: 5 },
    run: ({ logger, scheduledAt }) => {
      const alive = runtime.nodes().map(({ id }) => id);
      logger.info({ alive, scheduledAt }, "report sent");
    },
  });

  runtime.spawn({
    name: "cache",
    schedule: interval("30s"),
    exclusive: false, // Every process warms its own.
    run: ({ logger }) => {
      logger.info({ node: runtime.nodeId }, "cache warmed");
    },
  });
}
