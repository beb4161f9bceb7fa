import type { Msg, MsgHdrs, NatsConnection, Status } from "nats";
import { OstinatoError, toError } from "../errors";
import type { StoreEvent } from "../store";
import { closedError } from "./arguments";
import { safeCause } from "./nats-address";
import { NoAnswer, type ApiError } from "./nats-errors";
import { NatsExchange } from "./nats-exchange";
import type { NatsSettings } from "./nats-options";
import { inboxMark } from "./nats-reply-subjects";
import { checkServerVersion, type VersionWarning } from "./nats-versions";

/** Requests on their way at a time: enough to keep a server busy, few enough that a lease's renewal waits behind little. */
const window = 1024;

/** A subscription, as those that have it see it. */
export interface Reception {
  readonly subject: string;
  readonly end: () => void;
  readonly isOver: () => boolean;
}

/** The connection as the rest of the store sees it: requests, subscriptions, and whether it is there. */
export class NatsLink {
  private connection: NatsConnection | undefined;
  private exchange: NatsExchange | undefined;
  private opening: Promise<void> | undefined;
  private closed = false;
  private up = false;
  private readonly listeners = new Set<(event: StoreEvent) => void>();
  private readonly returns = new Set<() => void>();
  /** Subjects that are no inboxes: who may not hear them can still be answered. */
  private readonly named = new Set<string>();
  private readonly refusals = new Set<(subject: string) => void>();

  constructor(
    readonly settings: NatsSettings,
    /** Told of a server that is merely unwise, at each connection. */
    private readonly warn: (warning: VersionWarning) => void,
  ) {}

  get online(): boolean {
    return this.up;
  }

  /** Whether there is a connection that comes back by itself. */
  get isKept(): boolean {
    return this.connection !== undefined && !this.connection.isClosed();
  }

  get serverVersion(): string {
    return this.connection?.info?.version ?? "unknown";
  }

  /** The name of the cluster that the server belongs to. */
  get cluster(): string | undefined {
    return this.connection?.info?.cluster;
  }

  /** Whether the server asks who connects. */
  get hasUsers(): boolean {
    return this.connection?.info?.auth_required === true;
  }

  /** Resolves when the server has taken everything that was sent before. */
  async flush(): Promise<void> {
    await this.connection?.flush();
  }

  open(): Promise<void> {
    this.closed = false;
    if (this.connection && !this.connection.isClosed()) return Promise.resolve();
    return (this.opening ??= this.connect().finally(() => (this.opening = undefined)));
  }

  /** Resolves once there is a connection to use, made now if nobody has opened the store. */
  async ready(): Promise<void> {
    this.assertOpen();
    if (!this.connection || this.connection.isClosed()) await this.open();
  }

  assertOpen(): void {
    if (this.closed) throw closedError(this.settings.description);
  }

  /** Rejects with NoAnswer. */
  request(subject: string, payload?: Uint8Array | string, headers?: MsgHdrs): Promise<Msg> {
    if (!this.exchange) return Promise.reject(new NoAnswer("not sent", "not connected"));
    return this.exchange.request(subject, payload, headers);
  }

  /** A request to JetStream's interface; the answer's error, if it has one, comes back as `error`. */
  async api<T>(action: string, body?: object): Promise<T & { readonly error?: ApiError }> {
    const answer = await this.request(`$JS.API.${action}`, body ? JSON.stringify(body) : undefined);
    return JSON.parse(Buffer.from(answer.data).toString("utf8")) as T & { error?: ApiError };
  }

  publish(subject: string, payload?: string, reply?: string): void {
    if (this.isKept) this.connection?.publish(subject, payload, reply === undefined ? undefined : { reply });
  }

  /**
   * Calls `callback` for each message on a subject, one of its own unless it is given; returns the subject, the function
   * that ends it and whether it is over.
   */
  receive(callback: (message: Msg) => void, failed: (error: Error) => void, given?: string): Reception {
    const { connection } = this;
    if (!connection) throw new NoAnswer("not sent", "not connected");
    const subject = given ?? this.newInbox();
    if (given !== undefined) this.named.add(given);
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) failed(error);
        else callback(message);
      },
    });
    return {
      subject,
      isOver: () => connection.isClosed() || subscription.isClosed(),
      end: () => {
        if (!connection.isClosed()) subscription.unsubscribe();
      },
    };
  }

  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls `listener` whenever the connection has come back. */
  onReturn(listener: () => void): () => void {
    this.returns.add(listener);
    return () => this.returns.delete(listener);
  }

  /** Calls `listener` with a subject that this user has published to and may not. */
  onRefusal(listener: (subject: string) => void): () => void {
    this.refusals.add(listener);
    return () => this.refusals.delete(listener);
  }

  /** Refuses new calls at once, lets those under way be answered, then disconnects. */
  async close(last: () => Promise<void>): Promise<void> {
    this.closed = true;
    await this.opening?.catch(() => undefined);
    const { connection, exchange } = this;
    if (!connection || !exchange) return;
    await last();
    await exchange.close("the store was closed");
    await connection.close();
    this.connection = undefined;
    this.exchange = undefined;
    this.up = false;
  }

  /** Marked as ours, so that no process of a queue can be made to send something there. */
  private newInbox(): string {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- as in connect()
    const { createInbox } = require("nats") as typeof import("nats");
    const inbox = createInbox(this.settings.connection.inboxPrefix ?? "");
    const end = inbox.lastIndexOf(".") + 1;
    return `${inbox.slice(0, end)}${inboxMark}${inbox.slice(end)}`;
  }

  private async connect(): Promise<void> {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the client is loaded by those who use it
    const { connect } = require("nats") as typeof import("nats");
    const { settings } = this;
    let connection: NatsConnection;
    try {
      connection = await connect({ ...settings.connection });
    } catch (thrown) {
      throw connectError(settings, thrown);
    }
    try {
      const warning = checkServerVersion(connection.info?.version ?? "unknown", settings.replicas);
      if (warning) this.warn(warning);
    } catch (error) {
      await connection.close();
      throw error;
    }
    this.connection = connection;
    this.exchange = new NatsExchange(connection, settings.clock, settings.requestTimeout, window, this.newInbox());
    this.up = true;
    this.tell("online", connection.getServer());
    void this.follow(connection, this.exchange);
  }

  private async follow(connection: NatsConnection, exchange: NatsExchange): Promise<void> {
    for await (const status of connection.status()) this.take(status, connection, exchange);
    this.goOffline(exchange, "the connection was closed");
  }

  private take(status: Status, connection: NatsConnection, exchange: NatsExchange): void {
    const type: string = status.type;
    if (type === "disconnect") {
      this.goOffline(exchange, "the connection was lost", connection.getServer());
    } else if (type === "reconnect") {
      exchange.resume();
      this.up = true;
      this.tell("reconnect", connection.getServer());
      this.tell("online", connection.getServer());
      for (const listener of [...this.returns]) listener();
    } else if (status.permissionContext?.operation === "publish") {
      const { subject } = status.permissionContext;
      exchange.forbid(subject, `the server does not permit this user to publish to "${subject}"; grant it`);
      for (const listener of [...this.refusals]) listener(subject);
    } else if (status.permissionContext && !this.named.has(status.permissionContext.subject)) {
      const { subject } = status.permissionContext;
      const grant = `${this.settings.connection.inboxPrefix ?? "_INBOX"}.>`;
      exchange.forbidAll(
        `the server does not permit this user to subscribe to "${subject}"; grant "${grant}", or set inboxPrefix to what it may hear`,
      );
    }
  }

  private goOffline(exchange: NatsExchange, reason: string, server?: string): void {
    exchange.suspend(reason);
    if (!this.up || this.closed) return;
    this.up = false;
    this.tell("disconnect", server);
    this.tell("offline", server);
  }

  private tell(type: StoreEvent["type"], server: string | undefined): void {
    for (const listener of [...this.listeners]) {
      listener(server === undefined ? { type } : { type, server });
    }
  }
}

function connectError({ description, secrets }: NatsSettings, thrown: unknown): OstinatoError {
  const cause = safeCause(toError(thrown), secrets);
  const { code = "" } = cause;
  if (["AUTHORIZATION_VIOLATION", "AUTHENTICATION_EXPIRED", "ACCOUNT_EXPIRED", "BAD_AUTHENTICATION"].includes(code)) {
    return new OstinatoError("ERR_STORE_PERMISSION", `${description}: the server refused these credentials`, { cause });
  }
  return new OstinatoError("ERR_STORE_UNAVAILABLE", `${description}: cannot connect: ${cause.message}`, { cause });
}
