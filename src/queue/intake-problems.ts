import { toError } from "../errors";
import type { Host } from "../supervision/host";
import type { LostRefusal } from "./producer-desk";
import type { IntakeProblem } from "./queue-api";
import { leasePrefix, type Shard } from "./shard";
import type { Shards } from "./shards";

export interface IntakeProblemsOptions {
  readonly queue: string;
  readonly shard: Shard;
  readonly host: Host;
  readonly onProblem: (error: string, lost?: string) => void;
}

const keyOf = (queue: string): string => `${leasePrefix(queue)}intake-problem`;

/**
 * Reports why messages of producers cannot be accepted or kept: at once, each cause once until it has passed, to the log,
 * to who listens to the queue's events, and in the store, where every process and the command line can see it.
 */
export class IntakeProblems {
  readonly #options: IntakeProblemsOptions;
  #told = "";
  #lost = 0;
  /** What the store is to show, and what it shows. */
  #current: IntakeProblem | undefined;
  #shown: IntakeProblem | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: IntakeProblemsOptions) {
    this.#options = options;
    this.#shown = readProblem(options.shard, options.queue);
  }

  report(error: Error, lost?: LostRefusal): void {
    const { queue, host, onProblem } = this.#options;
    const { message } = error;
    if (lost !== undefined) {
      this.#lost += 1;
      // The log is the only place where it can be found.
      host.logger.error(
        { err: error, queue, kind: lost.kind, message: lost.text, refusal: lost.refusal.message },
        `a message of a producer was refused and is dropped, as it cannot be kept as a dead letter: ${message}`,
      );
    } else if (message === this.#told) return;
    else host.logger.warn({ err: error, queue }, `messages of producers cannot be accepted, trying again: ${message}`);
    this.#told = message;
    this.#show({ at: host.clock.now(), node: host.nodeId, error: message, lost: this.#lost });
    onProblem(message, lost?.text);
  }

  /** Something was accepted. That refused messages could not be kept stays on show until one could. */
  passed(isKept = false): void {
    if (this.#lost > 0 && !isKept) return;
    this.#told = "";
    this.#lost = 0;
    this.#show(undefined);
  }

  #show(problem: IntakeProblem | undefined): void {
    this.#current = problem;
    if (this.#current === this.#shown) return;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** One write at a time; a store that does not take it shows it later, or not at all. */
  async #write(): Promise<void> {
    const { shard, queue, host } = this.#options;
    const { map } = shard.leases;
    const key = keyOf(queue);
    try {
      while (this.#current !== this.#shown) {
        const problem = this.#current;
        const entry = await map.get(key);
        const value = JSON.stringify({ v: 1, ...problem });
        if (problem === undefined) {
          if (entry !== undefined) await map.delete(key, entry.revision);
        } else if (entry === undefined) await map.create(key, value);
        else await map.update(key, value, entry.revision);
        this.#shown = problem;
      }
    } catch (error) {
      host.logger.debug({ err: toError(error), queue }, "the state of the intake cannot be stored");
    }
  }
}

/** What the process that accepts messages has stored, as far as this one has seen. */
export function intakeProblemOf(queue: string, shards: Shards): IntakeProblem | undefined {
  const [first] = shards.all;
  return first?.index === 0 ? readProblem(first, queue) : undefined;
}

function readProblem(shard: Shard, queue: string): IntakeProblem | undefined {
  try {
    const { v, at, node, error, lost } = JSON.parse(
      shard.leases.view.get(keyOf(queue))?.entry.value ?? "{}",
    ) as Partial<IntakeProblem> & { v?: number };
    if (v !== 1 || typeof at !== "number" || typeof error !== "string") return undefined;
    return { at, node: String(node), error, lost: Number(lost) };
  } catch {
    return undefined;
  }
}
