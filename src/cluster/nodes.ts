import type { Clock, TimerId } from "../clock";
import { isOutage, toError } from "../errors";
import { hostName, version, type Random } from "../identity";
import { backoffDelay, parseRetry } from "../rules/backoff";
import type { Store } from "../store";
import { Membership, type MemberAbout } from "./membership";
import { reach, type Reached } from "./reached";

/** A live node of the cluster, as far as can be seen from here. */
export interface NodeInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Of ostinato. */
  readonly version: string;
  readonly startedAt: Date;
  /** Names of the exclusive tasks that it runs at this moment. */
  readonly holds: readonly string[];
  /** It is this one. */
  readonly self: boolean;
}

export interface NodesOptions {
  store: Store;
  clock: Clock;
  random: Random;
  nodeId: string;
  report: { tell: (event: { type: "warning"; task: string; message: string; err: Error }) => void };
  /** Who runs what, by node, as the records of the tasks say. */
  held: () => ReadonlyMap<string, readonly string[]>;
  /** Which exclusive tasks this node has, for those who want to forget one. */
  tasks: () => string | null;
}

/**
 * How long a node that fell silent still counts as alive, in milliseconds. Nothing but what people look at hangs on it:
 * it is long, so that a node writes only three times a minute.
 */
const lease = 60_000;
const retryEvery = 10_000;
const retry = parseRetry("retry", { initialDelay: 1_000, maxDelay: 30_000 });

/** The live nodes: each keeps a record of its own in the store, in a map apart from that of the tasks. */
export class Nodes {
  readonly #options: NodesOptions;
  #reached: Reached | undefined;
  #membership: Membership | undefined;
  #timer: TimerId;
  #trying: Promise<void> | undefined;
  readonly #about: MemberAbout;
  #open = false;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#about = { host: hostName(), pid: process.pid, version, started: options.clock.now() };
  }

  /** Joins in the background, as soon as the store can be reached; a store of this process alone needs no record. */
  open(): void {
    this.#open = true;
    if (this.#options.store.shared === true) this.#trying = this.#join(1);
  }

  /** This node first, the others by name. */
  list(): NodeInfo[] {
    const { nodeId, held } = this.#options;
    const holds = held();
    const others = (this.#membership?.members() ?? []).filter((member) => member.id !== nodeId);
    return [{ id: nodeId, ...this.#about }, ...others].map(({ id, host, pid, version, started }) => ({
      id,
      host,
      pid,
      version,
      startedAt: new Date(started),
      holds: holds.get(id) ?? [],
      self: id === nodeId,
    }));
  }

  /** Takes this node's record away, so that the others know at once. */
  async close(): Promise<void> {
    this.#open = false;
    this.#options.clock.clearTimeout(this.#timer);
    await this.#membership?.close();
    await this.#reached?.view.close();
    await this.#trying;
    await this.#reached?.view.close();
    this.#membership = this.#reached = undefined;
  }

  async #join(attempt: number): Promise<void> {
    const { store, clock, nodeId, random, report } = this.#options;
    try {
      const reached = (this.#reached = await reach(store, "nodes", "node.", clock));
      if (this.#open) await reached.view.ready;
      if (!this.#open) return;
      const holds = (): object => ({ tasks: this.#options.tasks() });
      this.#membership = new Membership({
        ...reached,
        id: nodeId,
        about: this.#about,
        holds,
        clock,
        lease,
        retryEvery,
      });
      void this.#membership.join();
    } catch (error) {
      const passing = isOutage(error);
      const message = "this node cannot tell the others that it lives";
      if (!passing) report.tell({ type: "warning", task: "", message, err: toError(error) });
      else if (this.#open) {
        this.#timer = clock.setTimeout(
          () => {
            this.#trying = this.#join(attempt + 1);
          },
          backoffDelay(retry, attempt, random()),
        );
      }
    }
  }
}
