import type { AnyActorRef } from "xstate";
import type { Runtime } from "../index";
import { stateOf } from "./trace";

/** What an actor of a queue is: its supervisor, one of its workers, or a partition that it owns here. */
export interface QueueActor {
  readonly kind: "queue" | "worker" | "partition";
  readonly queue: string;
  /** Of a queue: the states of its workers, the first ones. */
  readonly workers?: readonly string[];
}

const kinds = { "/": "worker", "#": "partition" } as const;
const mostWorkers = 500;

/** Undefined for an actor that is none of a queue's. */
export function queueActor(runtime: Runtime, name: string): QueueActor | undefined {
  const [, queue, mark] = /^queue:([\w-]+)(?:([/#])\d+)?$/.exec(name) ?? [];
  if (queue === undefined || !runtime.queues().some((open) => open.name === queue)) return undefined;
  if (mark !== undefined) return { kind: kinds[mark as keyof typeof kinds], queue };
  const workers: string[] = [];
  while (workers.length < mostWorkers) {
    const worker = runtime.actor.system.get(`${name}/${String(workers.length + 1)}`) as AnyActorRef | undefined;
    if (worker === undefined) break;
    workers.push(stateOf(worker.getSnapshot()));
  }
  return { kind: "queue", queue, workers };
}
