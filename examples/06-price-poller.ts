/**
 * The prices of 10,000 symbols, each fetched once a minute by one of three workers that one may kill at will. Who wants a
 * symbol polled publishes a line of JSON on NATS: here a shell script does.
 *
 *     nats-server --jetstream
 *     npx ostinato run examples/06-price-poller.ts --store nats://127.0.0.1:4222     # in three terminals
 *     sh examples/06-producer.sh                                                     # once
 *     npx ostinato status --queue prices --store nats://127.0.0.1:4222
 *
 * Each worker tells every ten seconds what it has fetched: about 550 prices when the three share the work. Kill one with
 * `kill -9`: the other two have its part as soon as its lease of ten seconds has run out. Start it again: it gets a part
 * back. After the first start the server keeps what is published while no worker is up.
 *
 * The fetch is simulated and needs no network. One symbol in 1,000 is unknown to it:
 *
 *     npx ostinato dead-letters --queue prices --store nats://127.0.0.1:4222
 */
import { setTimeout as pause } from "node:timers/promises";
import { discard, interval, type Runtime, type TaskContext } from "ostinato";

/** What the producer sends as `payload`. */
export interface Poll {
  readonly symbol: string;
}

/** The last price of each symbol that this process has fetched. */
export const prices = new Map<string, number>();

export default async function tasks(runtime: Runtime): Promise<void> {
  let fetched = 0;
  let latest = 0;

  await runtime.queue<Poll>({
    name: "prices",
    concurrency: 200,
    lease: "10s",
    timeout: "5s",
    claim: false, // To fetch a price twice does no harm, and a run costs half as many writes.
    retry: { initialDelay: "1s", maxDelay: "1m", limit: 5 },
    run: async ({ symbol }, context) => {
      prices.set(symbol, await fetchPrice(symbol, context));
      fetched += 1;
      latest = Math.max(latest, context.lateBy);
    },
  });

  runtime.spawn({
    name: "tell",
    schedule: interval("10s"),
    exclusive: false, // Every process tells of itself.
    run: ({ logger }) => {
      logger.info({ fetched, symbols: prices.size, latestMs: latest }, `fetched ${fetched} prices in ten seconds`);
      fetched = 0;
      latest = 0;
    },
  });
}

/** Stands for a request to an exchange: 20 to 120 ms, and some symbols are always unknown. */
async function fetchPrice(symbol: string, { signal, scheduledAt }: TaskContext): Promise<number> {
  const number = Number(/\d+$/.exec(symbol)?.[0] ?? Number.NaN);
  await pause(20 + ((number * 37) % 100), undefined, { signal });
  // No retry would help: it goes to the dead letters at once, and is tried again at its next time.
  if (Number.isNaN(number) || number % 1_000 === 0) throw discard(new Error(`unknown symbol ${symbol}`));
  return 100 + (number % 50) + Math.sin(scheduledAt.getTime() / 60_000 + number);
}
