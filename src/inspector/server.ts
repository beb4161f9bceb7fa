import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { extname, join } from "node:path";
import type { Runtime } from "../index";
import { Access, type Refusal } from "./access";
import { Exchange } from "./answers";
import { callerOf } from "./authority";
import { Feed } from "./feed";
import { metricsText, unhealthy } from "./metrics";
import type { Observations } from "./observations";
import type { ParsedInspectorOptions } from "./options";
import { QueueWatch } from "./queue-watch";
import { QueueViews } from "./queues";
import { BadRequest, readObject, targetOf } from "./requests";
import { carryOut, readingRoutes } from "./routes";
import { Views } from "./views";
import { WrongTokens } from "./wrong-tokens";

const types = new Map([
  [".html", "text/html; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".svg", "image/svg+xml"],
]);

/** Connections at a time: of one caller, and of all; those beyond the former are answered that there are too many. */
const mostOfCaller = 128;
const mostOfAll = 512;

/** How long a request may take to arrive, and a connection may be silent; milliseconds. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16_384,
};
const silentConnection = 30_000;

/** Answers a page, programs that scrape, and the command line. Nothing that a client sends is an error of ours. */
export class InspectorServer {
  readonly server: Server;
  readonly #runtime: Runtime;
  readonly #options: ParsedInspectorOptions;
  readonly #observations: Observations;
  readonly #access: Access;
  readonly #wrongTokens: WrongTokens;
  readonly #queueWatch: QueueWatch;
  readonly #queues: QueueViews;
  readonly #routes: ReturnType<typeof readingRoutes>;
  readonly #feed: Feed;
  readonly #connections = new Map<string, number>();
  readonly #excess = new WeakSet<Socket>();

  constructor(runtime: Runtime, observations: Observations, options: ParsedInspectorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#observations = observations;
    this.#access = new Access(options);
    this.#wrongTokens = new WrongTokens(runtime.clock, runtime.logger);
    this.#queueWatch = new QueueWatch(runtime);
    this.#queues = new QueueViews(runtime, this.#queueWatch, options);
    const views = new Views(runtime, observations, options, this.#queues);
    this.#routes = readingRoutes(runtime, observations, views, this.#queues);
    this.#feed = new Feed(views);
    this.server = createServer({ ...limits, keepAlive: true, keepAliveInitialDelay: 30_000 }, (request, response) =>
      this.#take(request, response),
    );
    this.server.maxConnections = mostOfAll;
    this.server.setTimeout(silentConnection);
    this.server.on("connection", (socket) => this.#connected(socket));
    this.server.on("connect", (_, socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
  }

  close(): void {
    this.#queueWatch.close();
    this.#feed.close();
  }

  #connected(socket: Socket): void {
    const caller = callerOf(socket.remoteAddress);
    const count = (this.#connections.get(caller) ?? 0) + 1;
    this.#connections.set(caller, count);
    if (count > mostOfCaller) this.#excess.add(socket);
    socket.once("close", () => {
      const left = (this.#connections.get(caller) ?? 1) - 1;
      if (left > 0) this.#connections.set(caller, left);
      else this.#connections.delete(caller);
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(request, response);
    if (this.#excess.has(request.socket)) {
      exchange.refuse(429, "too many connections", { connection: "close", "retry-after": "5" });
      return;
    }
    this.#answer(exchange).catch((error: unknown) => {
      if (error instanceof BadRequest) {
        exchange.refuse(error.status, error.message);
        return;
      }
      this.#runtime.logger.warn({ err: error }, "the inspector could not answer a request");
      exchange.refuse(500, "the inspector could not answer");
    });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    const caller = callerOf(request.socket.remoteAddress);
    const wrongHost = this.#access.checkHost(request);
    if (wrongHost !== undefined) {
      await this.#refuse(exchange, caller, wrongHost);
      return;
    }
    const { path, query } = targetOf(request);
    const { method = "" } = request;
    const reads = method === "GET" || method === "HEAD";
    if (!reads && method !== "POST") {
      exchange.refuse(405, "GET, HEAD and POST are answered", { allow: "GET, HEAD, POST" });
      return;
    }
    // A load balancer brings no token; it learns names of unhealthy tasks and nothing else.
    if (path === "/healthz") {
      const found = [...unhealthy(this.#runtime), ...this.#queueWatch.unhealthy()];
      exchange.json(found.length === 0 ? 200 : 503, { ok: found.length === 0, unhealthy: found });
      return;
    }
    const refusal = this.#admission(request, query, caller) ?? this.#enter(exchange, path, query);
    if (refusal === "entered") return;
    if (refusal !== undefined) await this.#refuse(exchange, caller, refusal);
    else if (reads) await this.#get(exchange, path, query);
    else await this.#post(exchange, path, caller);
  }

  /** Why a request is turned away before its token is looked at. */
  #admission(request: IncomingMessage, query: URLSearchParams, caller: string): Refusal | undefined {
    if (this.#wrongTokens.isBusy(caller) && this.#access.bringsToken(request, query)) {
      return { status: 429, message: "too many wrong tokens; try again later" };
    }
    return this.#access.checkSite(request);
  }

  /** Lets in whoever has the token, and gives a cookie to a visitor who brings it in the address. */
  #enter(exchange: Exchange, path: string, query: URLSearchParams): Refusal | "entered" | undefined {
    const given = path === "/" ? query.get("token") : null;
    const admitted = given === null ? undefined : this.#access.admit(given);
    if (admitted === undefined) return this.#access.checkToken(exchange.request);
    if ("status" in admitted) return admitted;
    exchange.send(303, "", { "set-cookie": admitted.cookie, location: "/" });
    return "entered";
  }

  async #refuse(exchange: Exchange, caller: string, { status, message, wrongToken }: Refusal): Promise<void> {
    if (wrongToken === true) await this.#wrongTokens.count(caller);
    exchange.refuse(status, message, status === 429 ? { "retry-after": "5" } : {});
  }

  async #get(exchange: Exchange, path: string, query: URLSearchParams): Promise<void> {
    const runtime = this.#runtime;
    const route = this.#routes.get(path);
    if (route !== undefined) {
      const answer = await route(query, path);
      exchange.json(answer === undefined ? 404 : 200, answer ?? { error: "there is nothing of that name" });
    } else if (path === "/metrics") {
      const text = await metricsText(runtime, this.#observations);
      exchange.send(200, text, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    } else if (path === "/api/feed") this.#openFeed(exchange);
    else await this.#file(exchange, path);
  }

  #openFeed(exchange: Exchange): void {
    const { request, response } = exchange;
    const caller = callerOf(request.socket.remoteAddress);
    const runtime = this.#runtime;
    if (request.method === "HEAD") exchange.send(200, "", { "content-type": "text/event-stream" });
    else if (this.#feed.isFull(caller)) {
      exchange.refuse(429, "too many pages are open", { "retry-after": "5" });
    } else {
      this.#feed.open(response, caller, {
        node: runtime.nodeId,
        store: runtime.store.description,
        allowActions: this.#options.allowActions,
        now: runtime.clock.now(),
      });
    }
  }

  async #post(exchange: Exchange, path: string, caller: string): Promise<void> {
    const refusal = this.#access.checkWrite(exchange.request);
    if (refusal !== undefined) {
      await this.#refuse(exchange, caller, refusal);
      return;
    }
    const body = await readObject(exchange.request);
    const feed = /^\/api\/feed\/([\w-]{1,64})$/.exec(path)?.[1];
    if (feed !== undefined) {
      const known = this.#feed.watch(feed, body);
      exchange.json(known ? 200 : 404, known ? {} : { error: "this page is no longer connected" });
    } else if (path !== "/api/act") exchange.refuse(404, "no such address");
    else if (!this.#options.allowActions) {
      exchange.refuse(403, "actions are not allowed: start the inspector with allowActions");
    } else {
      const result = await carryOut(this.#runtime, this.#queues, body);
      exchange.json(result.ok ? 200 : 409, result);
    }
  }

  async #file(exchange: Exchange, path: string): Promise<void> {
    const name = path === "/" ? "index.html" : path.slice(1);
    const text = /^[\w-]{1,64}\.(html|css|js|svg)$/.test(name)
      ? await readFile(join(__dirname, "page", name), "utf8").catch(() => undefined)
      : undefined;
    if (text === undefined) {
      exchange.refuse(404, "no such address");
      return;
    }
    const headers = { "content-type": types.get(extname(name)) ?? "", "cache-control": "no-cache" };
    exchange.send(200, name === "index.html" ? text.replace("%TOKEN%", this.#options.actionToken) : text, headers);
  }
}
