/**
 * Two periodic tasks, one by elapsed time and one by the calendar:
 *
 *     npx ostinato run examples/01-first-task.ts
 */
import { cron, interval, type Runtime } from "ostinato";

export default function tasks(runtime: Runtime): void {
  runtime.spawn({
    name: "greet",
    schedule: interval("5s"), // Runs at once, then every five seconds.
    timeout: "1s",
    run: ({ logger, previousRun }) => {
      logger.info({ previousRun }, "hello");
    },
  });

  runtime.spawn({
    name: "tidy",
    schedule: cron("*/10 * * * * *", { timeZone: "Europe/Paris" }), // At seconds 0, 10, 20, …
    retry: { initialDelay: "1s", limit: 3 },
    run: async ({ logger, signal, scheduledAt }) => {
      signal.throwIfAborted(); // Aborted when the time is over or the process stops.
      logger.info({ scheduledAt }, "tidied up");
    },
  });
}
