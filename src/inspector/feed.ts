import type { ServerResponse } from "node:http";
import type { AnyActorRef } from "xstate";
import type { TimerId } from "../index";
import { Snapshot, Traces } from "./snapshot";
import type { Views } from "./views";
import { Visitor } from "./visitor";

const everyMs = 300;
const summaryEvery = 4;
const beatEvery = 50;
/** A round that takes longer is continued after everything else that waits. */
const sliceMs = 15;
/** Pages connected at a time: of one caller, and of all. */
const mostOfCaller = 32;
const mostOfAll = 64;

/**
 * The live feed: every round, each page gets what has changed among the few rows it shows, and the details of the one
 * actor that it has open. A round costs as much as is on the screens, however many actors there are and however much
 * they do; what several pages show is read once. With no page open there are no rounds.
 */
export class Feed {
  readonly #views: Views;
  readonly #traces: Traces;
  readonly #visitors = new Map<string, Visitor>();
  readonly #callers = new Map<string, number>();
  #timer: TimerId;
  #round = 0;
  #snapshot: Snapshot | undefined;

  constructor(views: Views) {
    this.#views = views;
    this.#traces = new Traces(views.runtime);
  }

  isFull(caller: string): boolean {
    return this.#visitors.size >= mostOfAll || (this.#callers.get(caller) ?? 0) >= mostOfCaller;
  }

  open(response: ServerResponse, caller: string, hello: Record<string, unknown>): void {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.socket?.setTimeout(0);
    const visitor = new Visitor(response, this.#traces);
    this.#visitors.set(visitor.id, visitor);
    this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1);
    response.once("close", () => this.#leave(visitor, caller));
    visitor.send("hello", JSON.stringify({ ...hello, id: visitor.id }));
    this.#timer ??= this.#after(everyMs, () => this.#begin());
  }

  /** Returns false when there is no such page. */
  watch(id: string, wanted: ReadonlyMap<string, unknown>): boolean {
    const visitor = this.#visitors.get(id);
    if (visitor === undefined) return false;
    visitor.watch(wanted);
    this.#serve(visitor, false);
    return true;
  }

  close(): void {
    this.#views.runtime.clock.clearTimeout(this.#timer);
    for (const visitor of this.#visitors.values()) {
      visitor.leave();
      visitor.end();
    }
    this.#visitors.clear();
  }

  #begin(): void {
    this.#snapshot = undefined;
    this.#round += 1;
    this.#continue([...this.#visitors.values()]);
  }

  #continue(waiting: readonly Visitor[]): void {
    const { clock } = this.#views.runtime;
    const begun = clock.monotonic();
    for (const [index, visitor] of waiting.entries()) {
      this.#serve(visitor, this.#round % summaryEvery === 0);
      if (clock.monotonic() - begun < sliceMs) continue;
      this.#timer = this.#after(0, () => this.#continue(waiting.slice(index + 1)));
      return;
    }
    this.#timer = this.#visitors.size === 0 ? undefined : this.#after(everyMs, () => this.#begin());
  }

  #after(ms: number, act: () => void): TimerId {
    return this.#views.runtime.clock.setTimeout(act, ms);
  }

  #serve(visitor: Visitor, withSummary: boolean): void {
    const { runtime } = this.#views;
    if (!visitor.canTake(runtime.clock.monotonic())) return;
    try {
      visitor.look((name) => runtime.actor.system.get(name) as AnyActorRef | undefined);
      visitor.show((this.#snapshot ??= new Snapshot(this.#views)), withSummary);
      if (this.#round % beatEvery === 0) visitor.beat();
    } catch {
      // A value that cannot be shown ends the page that shows it, and nothing else; the browser connects again.
      visitor.end();
    }
  }

  #leave(visitor: Visitor, caller: string): void {
    visitor.leave();
    this.#visitors.delete(visitor.id);
    const left = (this.#callers.get(caller) ?? 1) - 1;
    if (left > 0) this.#callers.set(caller, left);
    else this.#callers.delete(caller);
    if (this.#visitors.size === 0) this.#snapshot = undefined;
  }
}
