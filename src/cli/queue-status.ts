import type { IntakeProblem } from "../index";
import { columns } from "./columns";
import { useQueue, type QueueTarget } from "./queue-target";

/** Who executes a queue, and how it stands; resolves to 1 when a partition has no owner, or one that cannot serve it. */
export function queueStatus(target: QueueTarget, { json }: { json?: true }): Promise<number> {
  return useQueue(target, { create: false }, async (queue) => {
    // What a killed worker has told of its tasks is told by those that have taken them over, too.
    const workers = queue
      .workers()
      .map((each) => (each.partitions.length === 0 ? { ...each, waiting: 0, due: 0 } : each));
    const owners = queue.owners();
    const unowned = owners.flatMap((owner, partition) => (owner === undefined ? [partition] : []));
    const unserved = workers.flatMap((worker) => worker.unserved);
    let deadLetters = 0;
    for await (const letter of queue.deadLetters()) deadLetters += Number(letter !== undefined);
    const sum = (of: "waiting" | "due" | "running" | "rate"): number =>
      workers.reduce((all, each) => all + each[of], 0);
    const totals = { waiting: sum("waiting"), due: sum("due"), running: sum("running"), rate: sum("rate") };
    const problem = queue.intakeProblem();
    const about = problem === undefined ? {} : { intakeProblem: problem };
    const service = { partitions: owners.length, unowned, unserved };
    const state = { queue: queue.name, ...about, ...service, ...totals, deadLetters, workers };
    if (json) {
      console.log(JSON.stringify(state, null, 2));
    } else {
      const rows = workers.map(({ id, host, pid, partitions, waiting, due, running, rate }) =>
        [id, `${host} ${pid}`, partitions.length, waiting, due, running, rate].map(String),
      );
      const { waiting, due, running, rate } = totals;
      console.log(
        [
          `${queue.name}: ${waiting} waiting, ${due} due, ${running} running, ${rate} runs a second, ${deadLetters} dead letters`,
          `${owners.length} partitions, ${unowned.length} without owner${unowned.length === 0 ? "" : ", whose tasks are not counted here"}`,
          ...(unserved.length === 0
            ? []
            : [`${unserved.length} that their owners cannot serve: ${unserved.join(", ")}`]),
          ...(problem === undefined ? [] : [describeProblem(problem)]),
          ...(workers.length === 0 ? ["nobody executes it"] : []),
          ...(workers.length === 0 ? [] : ["", columns([head, ...rows], process.stdout.columns)]),
        ].join("\n"),
      );
    }
    return unowned.length + unserved.length === 0 ? 0 : 1;
  });
}

function describeProblem({ at, node, error, lost }: IntakeProblem): string {
  const dropped = lost === 0 ? "" : ` (${String(lost)} refused messages could not be kept, and were dropped)`;
  return `messages of producers: ${error}${dropped}, says ${node} since ${new Date(at).toISOString()}`;
}

const head = ["WORKER", "PROCESS", "PARTITIONS", "WAITING", "DUE", "RUNNING", "RUNS/S"];
