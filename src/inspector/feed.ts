import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { AnyActorRef } from "xstate";
import type { TimerId } from "../index";
import { Trace } from "./trace";
import type { Selection, Views } from "./views";

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

const everyMs = 300;
const summaryEvery = 4;
const mostRows = 200;
/** A page that reads no faster than this is left out of a round, and in the end shut out. */
const slow = 1_000_000;
const stuck = 8_000_000;

interface Visitor {
  readonly id: string;
  readonly response: ServerResponse;
  watched: Watched;
  /** What was sent of each row, by its place; a row is sent again only if it looks different. */
  sent: Map<number, string>;
  lastTotal: number;
  lastSummary: string;
  lastDetail: string;
  lastQueues: string;
  trace: { actor: AnyActorRef; name: string; trace: Trace } | undefined;
}

/**
 * The live feed: every round, each page gets what has changed among the few rows it shows, and the details of the one
 * actor that it has open. A round costs as much as is on the screens, however many actors there are and however much
 * they do; with no page open there are no rounds.
 */
export class Feed {
  readonly #views: Views;
  readonly #visitors = new Map<string, Visitor>();
  #timer: TimerId;
  #round = 0;

  constructor(views: Views) {
    this.#views = views;
  }

  get size(): number {
    return this.#visitors.size;
  }

  open(response: ServerResponse, hello: Record<string, unknown>): void {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    const visitor: Visitor = {
      id: randomUUID(),
      response,
      watched: { query: "", filter: "", from: 0, count: 0, fresh: 0, actor: "", queues: false },
      sent: new Map(),
      lastTotal: -1,
      lastSummary: "",
      lastDetail: "",
      lastQueues: "",
      trace: undefined,
    };
    this.#visitors.set(visitor.id, visitor);
    response.on("close", () => this.#leave(visitor));
    this.#send(visitor, "hello", JSON.stringify({ ...hello, id: visitor.id }));
    this.#schedule();
  }

  /** Returns false when there is no such page. */
  watch(id: string, wanted: Partial<Watched>): boolean {
    const visitor = this.#visitors.get(id);
    if (visitor === undefined) return false;
    const { watched } = visitor;
    const next: Watched = {
      query: typeof wanted.query === "string" ? wanted.query.slice(0, 500) : watched.query,
      filter: typeof wanted.filter === "string" ? wanted.filter : watched.filter,
      from: natural(wanted.from, watched.from),
      count: Math.min(mostRows, natural(wanted.count, watched.count)),
      fresh: natural(wanted.fresh, watched.fresh),
      actor: typeof wanted.actor === "string" ? wanted.actor : watched.actor,
      queues: typeof wanted.queues === "boolean" ? wanted.queues : watched.queues,
    };
    const same = next.query === watched.query && next.filter === watched.filter && next.fresh === watched.fresh;
    if (!same) visitor.sent.clear();
    visitor.lastTotal = -1;
    if (next.actor !== watched.actor) visitor.lastDetail = "";
    if (!next.queues || !watched.queues) visitor.lastQueues = "";
    visitor.watched = next;
    this.#serve(visitor, false);
    return true;
  }

  close(): void {
    this.#views.runtime.clock.clearTimeout(this.#timer);
    for (const visitor of [...this.#visitors.values()]) {
      this.#leave(visitor);
      visitor.response.end();
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#visitors.size === 0) return;
    this.#timer = this.#views.runtime.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#round += 1;
      for (const visitor of [...this.#visitors.values()]) this.#serve(visitor, this.#round % summaryEvery === 0);
      this.#schedule();
    }, everyMs);
  }

  #serve(visitor: Visitor, withSummary: boolean): void {
    const { response } = visitor;
    if (response.writableLength > stuck) response.destroy();
    if (response.writableLength > slow || response.destroyed) return;
    if (withSummary || visitor.lastSummary === "") this.#sendSummary(visitor);
    if (visitor.watched.queues && (withSummary || visitor.lastQueues === "")) this.#sendQueues(visitor);
    // Which rows are selected is looked at with the summary: walking a large tree is the dear part of a round.
    if (visitor.watched.count > 0) this.#sendRows(visitor);
    this.#sendDetail(visitor);
  }

  #sendSummary(visitor: Visitor): void {
    const summary = JSON.stringify(this.#views.summary());
    if (summary === visitor.lastSummary) return;
    visitor.lastSummary = summary;
    this.#send(visitor, "summary", summary);
  }

  #sendQueues(visitor: Visitor): void {
    const queues = JSON.stringify(this.#views.queues.numbers());
    if (queues === visitor.lastQueues) return;
    visitor.lastQueues = queues;
    this.#send(visitor, "queues", queues);
  }

  #sendRows(visitor: Visitor): void {
    const { watched, sent } = visitor;
    const selected = this.#views.select(watched);
    const changes: string[] = [];
    const end = Math.min(selected.length, watched.from + watched.count);
    for (let index = watched.from; index < end; index++) {
      const entry = selected[index];
      if (entry === undefined) break;
      const row = JSON.stringify(this.#views.row(entry));
      if (sent.get(index) === row) continue;
      sent.set(index, row);
      changes.push(`[${String(index)},${row}]`);
    }
    for (const index of sent.keys()) if (index < watched.from || index >= end) sent.delete(index);
    if (changes.length === 0 && selected.length === visitor.lastTotal) return;
    visitor.lastTotal = selected.length;
    this.#send(visitor, "rows", `{"total":${String(selected.length)},"changes":[${changes.join(",")}]}`);
  }

  #sendDetail(visitor: Visitor): void {
    const { actor: name } = visitor.watched;
    const { runtime } = this.#views;
    const actor = name === "" ? undefined : (runtime.actor.system.get(name) as AnyActorRef | undefined);
    if (visitor.trace?.actor !== actor) {
      visitor.trace?.trace.close();
      visitor.trace = actor === undefined ? undefined : { actor, name, trace: new Trace(runtime, actor) };
    }
    if (name === "") return;
    const detail = JSON.stringify(this.#views.detail(name, visitor.trace?.trace) ?? { name, gone: true });
    if (detail === visitor.lastDetail) return;
    visitor.lastDetail = detail;
    this.#send(visitor, "detail", detail);
  }

  #send(visitor: Visitor, type: string, json: string): void {
    visitor.response.write(`event: ${type}\ndata: ${json}\n\n`);
  }

  #leave(visitor: Visitor): void {
    visitor.trace?.trace.close();
    visitor.trace = undefined;
    this.#visitors.delete(visitor.id);
  }
}

function natural(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : otherwise;
}
