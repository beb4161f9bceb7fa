import type { OstinatoError, Queue, QueueOptions, Runtime, RuntimeOptions } from "ostinato";
import type { World } from "./world";

/** One run of an assigned task, as its function saw it. */
export interface Ran {
  readonly id: string;
  readonly payload: unknown;
  readonly at: number;
  readonly scheduledAt: number;
  readonly attempt: number;
}

export interface Worker {
  readonly queue: Queue;
  readonly ran: Ran[];
  readonly runtime: Runtime;
}

/** A runtime that executes a queue of four partitions and writes down what it runs. */
export async function worker(
  world: World,
  options: Partial<QueueOptions> = {},
  runtimeOptions: RuntimeOptions = {},
): Promise<Worker> {
  const ran: Ran[] = [];
  const runtime = world.runtime(runtimeOptions);
  const clock = runtimeOptions.clock ?? world.clock;
  const { run = () => undefined, ...others } = options;
  const queue = await runtime.queue({
    name: "polls",
    partitions: 4,
    run: (payload, context) => {
      const { name: id, scheduledAt, attempt } = context;
      ran.push({ id, payload, at: clock.now(), scheduledAt: scheduledAt.getTime(), attempt });
      return run(payload, context);
    },
    ...others,
  });
  await runtime.start();
  return { queue, ran, runtime };
}

/** The code of the error with which it rejects. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "accepted",
    (error: unknown) => (error as OstinatoError).code,
  );

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const idsOf = (ran: readonly Ran[]): string[] => ran.map(({ id }) => id);
