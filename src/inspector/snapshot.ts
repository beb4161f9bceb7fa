import type { AnyActorRef } from "xstate";
import type { Runtime, TreeEntry } from "../index";
import { Trace } from "./trace";
import type { Selection, Views } from "./views";

/** What all pages see in one round: each part is read and serialised once, however many pages show it. */
export class Snapshot {
  readonly #views: Views;
  readonly #entries: TreeEntry[];
  readonly #selections = new Map<string, TreeEntry[]>();
  readonly #rows = new Map<TreeEntry, string>();
  readonly #details = new Map<string, string>();
  #summary: string | undefined;
  #queues: string | undefined;

  constructor(views: Views) {
    this.#views = views;
    this.#entries = views.runtime.outline();
  }

  get summary(): string {
    return (this.#summary ??= JSON.stringify(this.#views.summary(this.#entries)));
  }

  get queues(): string {
    return (this.#queues ??= JSON.stringify(this.#views.queues.numbers()));
  }

  select({ query, filter }: Selection): TreeEntry[] {
    return made(this.#selections, JSON.stringify([query, filter]), () =>
      this.#views.select({ query, filter }, this.#entries),
    );
  }

  row(entry: TreeEntry): string {
    return made(this.#rows, entry, () => JSON.stringify(this.#views.row(entry)));
  }

  detail(name: string, trace: Trace | undefined): string {
    return made(this.#details, name, () => JSON.stringify(this.#views.detail(name, trace) ?? { name, gone: true }));
  }
}

function made<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = make()));
  return value;
}

/** The actors that pages look at, each followed once. */
export class Traces {
  readonly #runtime: Runtime;
  readonly #followed = new Map<AnyActorRef, { readonly trace: Trace; users: number }>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get(actor: AnyActorRef): Trace | undefined {
    return this.#followed.get(actor)?.trace;
  }

  follow(actor: AnyActorRef): void {
    const known = this.#followed.get(actor);
    if (known === undefined) this.#followed.set(actor, { trace: new Trace(this.#runtime, actor), users: 1 });
    else known.users += 1;
  }

  leave(actor: AnyActorRef): void {
    const known = this.#followed.get(actor);
    if (known === undefined) return;
    known.users -= 1;
    if (known.users > 0) return;
    known.trace.close();
    this.#followed.delete(actor);
  }
}
