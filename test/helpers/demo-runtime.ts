import {
  createRuntime,
  daily,
  discard,
  interval,
  memoryStore,
  monthly,
  weekly,
  type Queue,
  type Runtime,
  type Store,
  type TaskContext,
} from "ostinato";
import { virtualClock, type VirtualClock } from "ostinato/testing";
import pino from "pino";

/** Something to look at: a small service whose time can be moved. */
export interface Demo {
  readonly runtime: Runtime;
  readonly clock: VirtualClock;
  /** Lets its time go on with the real one, until it is stopped. */
  stop(): Promise<void>;
}

export async function startDemo(
  options: { store?: Store; prepare?: (runtime: Runtime) => Promise<void> } = {},
): Promise<Demo> {
  const clock = virtualClock({ start: "2026-11-20T05:00:00Z" });
  const { store = memoryStore() } = options;
  const logger = pino({ level: "info" }, { write: () => undefined });
  const runtime = createRuntime({ clock, logger, nodeId: "web-1-4711-5f3a9c", store });
  const second = createRuntime({ clock, logger, nodeId: "web-2-5120-b81d02", store });
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, ms));
  const work =
    (ms: number) =>
    async ({ logger }: TaskContext): Promise<void> => {
      logger.info({ rows: 128 }, "fetched");
      await wait(ms);
    };
  runtime.supervise({
    name: "ingest",
    children: [
      { name: "poll-orders", schedule: interval("30s"), run: work(2_400) },
      { name: "poll-prices", schedule: interval("2m"), run: work(9_000) },
      {
        name: "fetch-invoices",
        schedule: interval("5m"),
        retry: { initialDelay: "20s", maxDelay: "3m", jitter: 0 },
        run: async () => {
          await wait(3_000);
          throw new Error("503 Service Unavailable: billing.example.com");
        },
      },
    ],
  });
  runtime.supervise({
    name: "streams",
    strategy: "rest_for_one",
    intensity: { restarts: 1_000, within: "1h" },
    children: [
      {
        name: "event-stream",
        run: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
      },
      {
        name: "price-feed",
        retry: { initialDelay: "1m", maxDelay: "10m", jitter: 0 },
        run: async () => {
          await wait(14 * 60_000);
          throw new Error("socket closed");
        },
      },
    ],
  });
  runtime.spawn({
    name: "backup",
    schedule: interval("1h", { anchor: new Date("2026-11-20T00:55:00Z") }),
    timeout: "30m",
    run: async ({ logger, progress }) => {
      const tables = ["users", "orders", "order_lines", "invoices", "prices", "events", "audit", "blobs"];
      for (const [index, table] of tables.entries()) {
        progress(index, tables.length, table);
        logger.info({ table, rows: 12_480 + index * 9_137 }, "dumped");
        await wait(80_000);
      }
    },
  });
  runtime.spawn({
    name: "daily-digest",
    schedule: daily({ hour: 6, minute: 30, timeZone: "Europe/Paris" }),
    run: work(240_000),
  });
  runtime.spawn({ name: "vacuum", schedule: daily({ hour: 3, timeZone: "UTC" }), run: work(900_000) });
  runtime.spawn({
    name: "weekly-report",
    schedule: weekly({ day: "mon", hour: 8, timeZone: "UTC" }),
    run: work(60_000),
  });
  runtime.spawn({
    name: "close-the-books",
    schedule: monthly({ day: -1, hour: 22, timeZone: "UTC" }),
    run: work(60_000),
  });
  const paused = runtime.spawn({ name: "send-newsletter", schedule: interval("15m"), run: work(40_000) });
  await queues([runtime, second], wait);
  await options.prepare?.(runtime);
  await runtime.start();
  await second.start();
  await clock.advance("20m");
  paused.pause();
  await clock.advance("38m");
  let going = true;
  const goOn = (async () => {
    let last = Date.now();
    while (going) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      const at = Date.now();
      await clock.advance(at - last);
      last = at;
    }
  })();
  return {
    runtime,
    clock,
    async stop() {
      going = false;
      await goOn;
      const stopped = Promise.all([runtime.stop(), second.stop()]);
      await clock.advance("5m");
      await stopped;
    },
  };
}

/** Assigned tasks: prices to be polled, and mail of which some cannot be delivered. */
async function queues(runtimes: readonly Runtime[], wait: (ms: number) => Promise<void>): Promise<void> {
  const [polls, mail] = await Promise.all(
    runtimes.map(async (runtime): Promise<[Queue, Queue]> => [
      await runtime.queue({ name: "price-polls", run: () => wait(180) }),
      await runtime.queue<{ to: string }>({
        name: "mail",
        partitions: 16,
        run: async ({ to }) => {
          await wait(400);
          if (to.endsWith(".invalid")) throw discard(new Error(`550 5.1.2 no such domain: ${to}`));
        },
      }),
    ]),
  ).then(([first]) => first as [Queue, Queue]);
  const now = runtimes[0]?.clock.now() ?? 0;
  const symbols = Array.from({ length: 2_000 }, (_, n) => `symbol:${n.toString(36).padStart(3, "0").toUpperCase()}`);
  await polls.assignMany(
    symbols.map((id, n) => ({ id, payload: { exchange: "XETR" }, at: now + n * 150, every: "5m" as const })),
  );
  for (const [n, to] of ["ada@example.com", "bob@nowhere.invalid", "eve@mail.invalid"].entries()) {
    await mail.assign({ id: `welcome:${String(4_711 + n)}`, payload: { to }, at: now + 50 * 60_000 + n * 90_000 });
  }
  await mail.assign({
    id: "digest:12",
    payload: { to: "ops@example.com" },
    cron: "0 9 * * 1-5",
    timeZone: "Europe/Paris",
  });
}
