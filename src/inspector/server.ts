import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import type { AnyActorRef } from "xstate";
import type { Runtime, TaskStatus } from "../index";
import { Access, type Refusal } from "./access";
import { act, actOnLetter } from "./actions";
import { chartOf } from "./chart";
import { clusterView } from "./cluster-view";
import { Feed } from "./feed";
import { metricsText, unhealthy } from "./metrics";
import type { Observations } from "./observations";
import type { ParsedInspectorOptions } from "./options";
import { QueueWatch } from "./queue-watch";
import { QueueViews } from "./queues";
import { laneOf } from "./timeline";
import { Views } from "./views";

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const safety = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
};

const mostLanes = 200;
const longestBody = 20_000;

/** Answers a page, programs that scrape, and the command line. */
export class InspectorServer {
  readonly server: Server;
  readonly #runtime: Runtime;
  readonly #options: ParsedInspectorOptions;
  readonly #observations: Observations;
  readonly #access: Access;
  readonly #queueWatch: QueueWatch;
  readonly #queues: QueueViews;
  readonly #views: Views;
  readonly #feed: Feed;

  constructor(runtime: Runtime, observations: Observations, options: ParsedInspectorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#observations = observations;
    this.#access = new Access(options);
    this.#queueWatch = new QueueWatch(runtime);
    this.#queues = new QueueViews(runtime, this.#queueWatch, options);
    this.#views = new Views(runtime, observations, options, this.#queues);
    this.#feed = new Feed(this.#views);
    this.server = createServer((request, response) => {
      for (const [name, value] of Object.entries(safety)) response.setHeader(name, value);
      this.#answer(request, response).catch((error: unknown) => {
        runtime.logger.warn({ err: error }, "the inspector could not answer a request");
        if (response.headersSent) response.destroy();
        else json(response, 500, { error: "the inspector could not answer" });
      });
    });
  }

  close(): void {
    this.#queueWatch.close();
    this.#feed.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wrongHost = this.#access.checkHost(request);
    if (wrongHost !== undefined) {
      refuse(response, wrongHost);
      return;
    }
    const url = new URL(request.url ?? "/", "http://inspector");
    const path = url.pathname;
    // A load balancer brings no token; it learns names of unhealthy tasks and nothing else.
    if (path === "/healthz") {
      const found = [...unhealthy(this.#runtime), ...this.#queueWatch.unhealthy()];
      json(response, found.length === 0 ? 200 : 503, { ok: found.length === 0, unhealthy: found });
      return;
    }
    const cookie = path === "/" ? this.#access.admit(url.searchParams.get("token")) : undefined;
    if (cookie !== undefined) {
      response.writeHead(303, { "set-cookie": cookie, location: "/" }).end();
      return;
    }
    const noToken = this.#access.checkToken(request);
    if (noToken !== undefined) refuse(response, noToken);
    else if (request.method === "GET" || request.method === "HEAD") await this.#get(path, url.searchParams, response);
    else if (request.method === "POST") await this.#post(path, request, response);
    else json(response, 405, { error: "GET and POST are answered" });
  }

  async #get(path: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const runtime = this.#runtime;
    switch (path) {
      case "/metrics":
        response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
        response.end(await metricsText(runtime, this.#observations));
        return;
      case "/api/feed":
        this.#feed.open(response, {
          node: runtime.nodeId,
          store: runtime.store.description,
          allowActions: this.#options.allowActions,
          now: runtime.clock.now(),
        });
        return;
      case "/api/status":
        json(response, 200, {
          node: runtime.nodeId,
          store: runtime.store.description,
          nodes: runtime.nodes(),
          tasks: this.#selected(query).flatMap((entry) => {
            const status = entry.task?.status();
            return status === undefined ? [] : [withoutLists(status)];
          }),
        });
        return;
      case "/api/summary":
        json(response, 200, this.#views.summary());
        return;
      case "/api/timeline": {
        const from = Number(query.get("from") ?? 0) || 0;
        const count = Math.min(mostLanes, Number(query.get("count") ?? 60) || 60);
        const tasks = this.#selected(query).filter(({ kind }) => kind === "task");
        const lanes = tasks.slice(from, from + count).flatMap((entry) => laneOf(runtime, entry) ?? []);
        json(response, 200, { now: runtime.clock.now(), total: tasks.length, from, lanes });
        return;
      }
      case "/api/cluster":
        json(response, 200, await clusterView(runtime, this.#observations));
        return;
      case "/api/chart": {
        const actor = runtime.actor.system.get(query.get("actor") ?? "") as AnyActorRef | undefined;
        const chart = actor && (await chartOf(actor));
        json(response, chart === undefined ? 404 : 200, chart ?? { error: "no such actor" });
        return;
      }
      case "/api/log": {
        const log = this.#views.runLog(query.get("run") ?? "");
        json(response, 200, log ?? { lines: [], dropped: 0 });
        return;
      }
      default:
        if (path.startsWith("/api/queue")) {
          const answer = await this.#queues.answer(path, query);
          json(response, answer === undefined ? 404 : 200, answer ?? { error: "no such queue" });
        } else await this.#file(path, response);
    }
  }

  async #post(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#access.checkWrite(request);
    if (refusal !== undefined) {
      refuse(response, refusal);
      return;
    }
    const body = await readJson(request);
    if (body === undefined) {
      json(response, 400, { error: "the body is not a JSON object" });
      return;
    }
    const feed = /^\/api\/feed\/([\w-]+)$/.exec(path)?.[1];
    if (feed !== undefined) {
      const known = this.#feed.watch(feed, body);
      json(response, known ? 200 : 404, known ? {} : { error: "this page is no longer connected" });
    } else if (path !== "/api/act") json(response, 404, { error: "no such address" });
    else if (!this.#options.allowActions) {
      json(response, 403, { error: "actions are not allowed: start the inspector with allowActions" });
    } else {
      const { action, task, queue, key } = body;
      const result =
        typeof queue === "string"
          ? await actOnLetter(this.#queues, String(action), { queue, key: String(key) })
          : await act(this.#runtime, String(action), String(task));
      this.#runtime.logger.info({ action, task, queue, key, ok: result.ok }, `inspector: ${result.message}`);
      json(response, result.ok ? 200 : 409, result);
    }
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    const name = path === "/" ? "index.html" : path.slice(1);
    if (!/^[\w-]+\.(html|css|js|svg)$/.test(name)) {
      json(response, 404, { error: "no such address" });
      return;
    }
    const text = await readFile(join(__dirname, "page", name), "utf8").catch(() => undefined);
    if (text === undefined) {
      json(response, 404, { error: "no such address" });
      return;
    }
    response.writeHead(200, { "content-type": types[extname(name)], "cache-control": "no-cache" });
    response.end(name === "index.html" ? text.replace("%TOKEN%", this.#options.actionToken) : text);
  }

  #selected(query: URLSearchParams): ReturnType<Views["select"]> {
    return this.#views.select({ query: query.get("q") ?? "", filter: query.get("filter") ?? "" });
  }
}

function withoutLists({ decisions, ...rest }: TaskStatus): Record<string, unknown> {
  return { ...rest, decision: decisions[0], history: undefined };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  json(response, status, { error: message });
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  let text = "";
  for await (const part of request) {
    text += String(part);
    if (text.length > longestBody) return undefined;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
