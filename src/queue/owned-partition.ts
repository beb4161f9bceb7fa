import type { AnyActorLogic, AnyActorRef } from "xstate";
import { partitionMachine, type PartitionEvent } from "../../machines/partition";
import type { Lease } from "../cluster/lease";
import { toError } from "../errors";
import type { Change, Renewal, Watch } from "../store";
import { spawnActor, stopActor } from "../supervision/spawn";
import type { Shard } from "./shard";
import { writeSurely } from "./sure-write";

/** What is asked of the lease that a partition is owned by. */
type HeldLease = Pick<Lease, "token" | "valid">;

export interface OwnedPartitionOptions {
  readonly queue: string;
  readonly number: number;
  readonly shard: Shard;
  readonly lease: HeldLease;
  readonly parent: AnyActorRef;
  readonly node: string;
  /** A change of a task. In the round of the present load; parked as long as that lasts. */
  readonly onChange: (change: Change) => void;
  /** All of it is known. */
  readonly onLoaded: () => void;
  /** It is being loaded from another store than before. */
  readonly onRenewed: (renewal: Renewal) => void;
  readonly warn: (message: string, error: Error) => void;
  readonly pause: () => Promise<void>;
}

/**
 * One partition that is owned here. It is loaded when the watch has delivered everything, and with it the fence: a record
 * that was written after the lease was won, so that what was assigned before that is certain to be known too.
 */
export class OwnedPartition {
  readonly number: number;
  readonly shard: Shard;
  readonly lease: HeldLease;
  readonly actor: AnyActorRef;
  /** Counts the loads; two that follow each other differ. */
  round = 1;
  /** How many of its tasks workers have in hand. */
  running = 0;
  /** How many of its runs have ended and could not be written down yet: nothing is begun that would have the same fate. */
  unwritten = 0;
  readonly #options: OwnedPartitionOptions;
  readonly #fenceKey: string;
  #watch: Watch | undefined;
  #current = false;
  /** The revision of the fence, as written and as delivered. */
  #fence: number | undefined;
  #seen = 0;
  #left = false;
  /** Whether the watch has delivered anything since somebody asked for healing. */
  #progressed = false;
  readonly #closing = new Set<Promise<void>>();

  constructor(options: OwnedPartitionOptions) {
    const { queue, number, shard, lease, parent } = options;
    this.#options = options;
    this.number = number;
    this.shard = shard;
    this.lease = lease;
    // An id is never empty: no task can have this key.
    this.#fenceKey = `${String(number)}.`;
    const input = { queue, partition: number, token: lease.token ?? 0, store: shard.store.description };
    this.actor = spawnActor(parent, partitionMachine as AnyActorLogic, `queue:${queue}#${String(number)}`, input);
  }

  /** Whether what is due of it may begin. */
  get serves(): boolean {
    return this.unwritten === 0 && this.state === "serving" && this.lease.valid();
  }

  get state(): string {
    return (this.actor.getSnapshot() as { value: string }).value;
  }

  /** Why nothing of it is begun; undefined while it is served. */
  get hindrance(): string | undefined {
    if (this.serves) return undefined;
    if (this.unwritten > 0) return "the end of a run cannot be written down";
    if (this.state === "loading") return "its owner has not loaded it yet";
    if (this.state === "draining")
      return "its owner has lost it or gives it back, and waits for a run that does not end";
    return "its owner is about to lose its lease";
  }

  open(): void {
    this.#watch = this.#begin();
    void this.#writeFence();
  }

  /** It has not been served for long. Loads it again if the loading stands still; nothing else can be mended from here. */
  heal(): void {
    if (this.state === "loading" && !this.#progressed) this.#reload();
    this.#progressed = false;
  }

  #reload(): void {
    if (this.#watch === undefined) return;
    const ended = this.#watch.close().finally(() => this.#closing.delete(ended));
    this.#closing.add(ended);
    this.#startOver();
    this.#watch = this.#begin();
  }

  #begin(): Watch {
    const { onChange } = this.#options;
    const isMine = (): boolean => this.#watch === undefined || this.#watch === watch;
    const watch: Watch = this.shard.tasks.map.watch(this.#fenceKey, {
      change: (change) => {
        if (!isMine()) return;
        this.#progressed = true;
        if (change.key !== this.#fenceKey) return onChange(change);
        this.#seen = change.revision;
        return this.#look();
      },
      current: () => {
        if (!isMine()) return;
        this.#current = true;
        this.#look();
      },
      doubt: (renewal) => {
        if (!isMine()) return;
        this.#startOver();
        if (renewal !== undefined) this.#options.onRenewed(renewal);
      },
    });
    return watch;
  }

  /** All of it is delivered again. What the store has lost since, the old fence may be part of. */
  #startOver(): void {
    this.#current = false;
    this.#seen = 0;
    this.#fence = undefined;
    this.round = (this.round % 250) + 1;
    this.#send({ type: "DOUBTED" });
    void this.#writeFence();
  }

  /** Nothing new of it begins. */
  leave(reason: string): void {
    this.#left = true;
    this.#send({ type: "LEAVE", reason });
  }

  /** It is not given back after all: what is due of it begins again once it has been loaded again. */
  keep(): void {
    this.#left = false;
    this.#send({ type: "KEPT" });
    this.#reload();
  }

  /** Nothing of it runs any more. */
  async close(): Promise<void> {
    this.#send({ type: "DRAINED" });
    await Promise.all([this.#watch?.close(), ...this.#closing]);
    stopActor(this.actor);
  }

  async #writeFence(): Promise<void> {
    const { map } = this.shard.tasks;
    const { round } = this;
    const { node, warn, pause } = this.#options;
    const value = JSON.stringify({ v: 1, fence: this.lease.token, round, node });
    while (!this.#left && this.round === round && this.lease.valid()) {
      try {
        const entry = await map.get(this.#fenceKey);
        const answer = await writeSurely(map, this.#fenceKey, value, entry?.revision ?? 0);
        if (this.round !== round) return;
        if (!answer.ok) {
          // An earlier owner may still write its own. Nothing is repeated without a pause.
          await pause();
          continue;
        }
        this.#fence = answer.revision;
        this.#look();
        return;
      } catch (error) {
        warn(`partition ${String(this.number)} cannot be fenced yet`, toError(error));
        await pause();
      }
    }
  }

  #look(): void {
    if (!this.#current || this.#fence === undefined || this.#seen < this.#fence || this.state !== "loading") return;
    this.#send({ type: "LOADED" });
    this.#options.onLoaded();
  }

  #send(event: PartitionEvent): void {
    this.actor.send(event);
  }
}
