import type { Queue, QueueStats } from "../index";

type Samples = [Record<string, string>, number][];

/** One family of metrics, as Prometheus has them. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: Samples;
}

/** What this process tells of the queues that are open in it. Numbers of tasks are of the partitions owned here. */
export function queueFamilies(queues: readonly Queue[]): Family[] {
  const told = queues.map((queue) => ({ queue, labels: { queue: queue.name }, stats: queue.stats() }));
  const each = (read: (stats: QueueStats) => Record<string, number>, label: string): Samples =>
    told.flatMap(({ labels, stats }) =>
      stats === undefined
        ? []
        : Object.entries(read(stats)).map(
            ([value, n]) => [{ ...labels, [label]: value }, n] as [Record<string, string>, number],
          ),
    );
  const one = (read: (stats: QueueStats) => number): Samples =>
    told.flatMap(({ labels, stats }) =>
      stats === undefined ? [] : [[labels, read(stats)] as [Record<string, string>, number]],
    );
  return [
    {
      name: "ostinato_queue_executing",
      type: "gauge",
      help: "1 while this node runs tasks of the queue, 0 while it only assigns.",
      samples: told.map(({ labels, queue }) => [labels, Number(queue.executing)]),
    },
    {
      name: "ostinato_queue_tasks",
      type: "gauge",
      help: "Assigned tasks in the partitions owned here, by state: waiting for their time, due, or running.",
      samples: each(({ waiting, due, running }) => ({ waiting, due, running }), "state"),
    },
    {
      name: "ostinato_queue_concurrency",
      type: "gauge",
      help: "Runs that this node makes at a time.",
      samples: one(({ concurrency }) => concurrency),
    },
    {
      name: "ostinato_queue_runs_total",
      type: "counter",
      help: "Runs of assigned tasks that ended on this node, by outcome.",
      samples: each(({ succeeded, failed, aborted }) => ({ succeeded, failed, aborted }), "outcome"),
    },
    {
      name: "ostinato_queue_lateness_seconds",
      type: "gauge",
      help: "From the due time to the start, over the last runs on this node.",
      samples: each(({ lateness }) => {
        if (lateness === undefined) return {};
        return { "0.5": lateness.p50 / 1_000, "0.95": lateness.p95 / 1_000, "0.99": lateness.p99 / 1_000 };
      }, "quantile"),
    },
    {
      name: "ostinato_queue_overdue",
      type: "gauge",
      help: "Runs on this node that have not ended when they should have, by reason; 1 where all places are stuck.",
      samples: each(({ overdue }) => overdue, "reason"),
    },
    {
      name: "ostinato_queue_dead_letters_total",
      type: "counter",
      help: "Tasks that this node gave up.",
      samples: one(({ deadLetters }) => deadLetters),
    },
    {
      name: "ostinato_queue_partitions",
      type: "gauge",
      help: "Into how many partitions the queue is divided.",
      samples: one(({ partitions }) => partitions),
    },
    {
      name: "ostinato_queue_partitions_owned",
      type: "gauge",
      help: "Partitions that this node owns.",
      samples: one(({ owned }) => owned),
    },
    {
      name: "ostinato_queue_partitions_loading",
      type: "gauge",
      help: "Partitions owned here that are still being loaded.",
      samples: one(({ loading }) => loading),
    },
    {
      name: "ostinato_queue_partitions_unserved",
      type: "gauge",
      help: "Partitions, whoever owns them, that nobody has served for longer than two leases, as this node sees it.",
      samples: one(({ unserved }) => unserved),
    },
  ];
}
