import type { ServerResponse } from "node:http";
import { randomUUID } from "node:crypto";
import type { AnyActorRef } from "xstate";
import type { Snapshot, Traces } from "./snapshot";
import type { Selection } from "./views";

/** What one page looks at. */
export interface Watched extends Selection {
  /** The rows on the screen, by place in what is selected. */
  readonly from: number;
  readonly count: number;
  /** Counts how often the page has forgotten all its rows. */
  readonly fresh: number;
  /** The actor whose details are shown, or "". */
  readonly actor: string;
  /** Whether the numbers of the queues are shown. */
  readonly queues: boolean;
}

const mostRows = 200;
const longestText = 1_000;
/** With more than this unread, a page is left out of the rounds; if it reads nothing for so long, it is shut out. */
const mostUnread = 250_000;
const stuckAfter = 10_000;

/** One page that is connected. It gets what has changed among the few things that it shows. */
export class Visitor {
  readonly id = randomUUID();
  readonly #response: ServerResponse;
  readonly #traces: Traces;
  #watched: Watched = { query: "", filter: "", from: 0, count: 0, fresh: 0, actor: "", queues: false };
  /** What was sent of each row, by its place; a row is sent again only if it looks different. */
  readonly #sent = new Map<number, string>();
  /** What was sent last of each kind of message. */
  readonly #last = new Map<string, string>();
  #lastTotal = -1;
  #actor: AnyActorRef | undefined;
  #unread = 0;
  #stuckSince: number | undefined;

  constructor(response: ServerResponse, traces: Traces) {
    this.#response = response;
    this.#traces = traces;
  }

  watch(wanted: ReadonlyMap<string, unknown>): void {
    const before = this.#watched;
    const text = (name: "query" | "filter" | "actor"): string => {
      const value = wanted.get(name);
      return typeof value === "string" ? value.slice(0, longestText) : before[name];
    };
    const queues = wanted.get("queues");
    const next: Watched = {
      query: text("query"),
      filter: text("filter"),
      from: natural(wanted.get("from"), before.from),
      count: Math.min(mostRows, natural(wanted.get("count"), before.count)),
      fresh: natural(wanted.get("fresh"), before.fresh),
      actor: text("actor"),
      queues: typeof queues === "boolean" ? queues : before.queues,
    };
    const same = next.query === before.query && next.filter === before.filter && next.fresh === before.fresh;
    if (!same) this.#sent.clear();
    this.#lastTotal = -1;
    if (next.actor !== before.actor) this.#last.delete("detail");
    if (!next.queues || !before.queues) this.#last.delete("queues");
    this.#watched = next;
  }

  /** Returns false for a page that cannot take more at the moment; one that has not read for too long is shut out. */
  canTake(now: number): boolean {
    const response = this.#response;
    if (response.destroyed) return false;
    const unread = response.writableLength;
    if (unread <= mostUnread) {
      this.#stuckSince = undefined;
      return true;
    }
    if (this.#stuckSince === undefined || unread < this.#unread) this.#stuckSince = now;
    this.#unread = unread;
    if (now - this.#stuckSince >= stuckAfter) response.destroy();
    return false;
  }

  show(snapshot: Snapshot, withSummary: boolean): void {
    const { queues, count } = this.#watched;
    if (withSummary || !this.#last.has("summary")) this.#sendChanged("summary", snapshot.summary);
    if (queues && (withSummary || !this.#last.has("queues"))) this.#sendChanged("queues", snapshot.queues);
    if (count > 0) this.#sendRows(snapshot);
    this.#sendDetail(snapshot);
  }

  /** Which actor is looked at now; followed from here on. */
  look(find: (name: string) => AnyActorRef | undefined): void {
    const { actor: name } = this.#watched;
    const actor = name === "" ? undefined : find(name);
    if (actor === this.#actor) return;
    if (this.#actor !== undefined) this.#traces.leave(this.#actor);
    if (actor !== undefined) this.#traces.follow(actor);
    this.#actor = actor;
  }

  send(type: string, json: string): void {
    this.#response.write(`event: ${type}\ndata: ${json}\n\n`);
  }

  /** Says nothing, and shows proxies and systems on the way that the connection is in use. */
  beat(): void {
    this.#response.write(":\n\n");
  }

  leave(): void {
    if (this.#actor !== undefined) this.#traces.leave(this.#actor);
    this.#actor = undefined;
  }

  end(): void {
    this.#response.end();
  }

  #sendChanged(type: string, json: string): void {
    if (json === this.#last.get(type)) return;
    this.#last.set(type, json);
    this.send(type, json);
  }

  #sendRows(snapshot: Snapshot): void {
    const sent = this.#sent;
    const { from, count } = this.#watched;
    const selected = snapshot.select(this.#watched);
    const changes: string[] = [];
    const end = Math.min(selected.length, from + count);
    for (let index = from; index < end; index++) {
      const entry = selected[index];
      if (entry === undefined) break;
      const row = snapshot.row(entry);
      if (sent.get(index) === row) continue;
      sent.set(index, row);
      changes.push(`[${String(index)},${row}]`);
    }
    for (const index of sent.keys()) if (index < from || index >= end) sent.delete(index);
    if (changes.length === 0 && selected.length === this.#lastTotal) return;
    this.#lastTotal = selected.length;
    this.send("rows", `{"total":${String(selected.length)},"changes":[${changes.join(",")}]}`);
  }

  #sendDetail(snapshot: Snapshot): void {
    const { actor: name } = this.#watched;
    if (name === "") return;
    this.#sendChanged("detail", snapshot.detail(name, this.#actor && this.#traces.get(this.#actor)));
  }
}

function natural(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}
