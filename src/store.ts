/** A stored value at one revision. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Grows with every write to the map, whichever key it was to. */
  readonly revision: number;
}

/** The answer to a conditional write. A conflict is an answer, not an error. */
export type Written = { readonly ok: true; readonly revision: number } | { readonly ok: false };

/** A change as a watch delivers it; `value` is undefined when the key was deleted. */
export interface Change {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: number;
}

/** The store was found to be another one than before: what was remembered about the former one no longer holds. */
export interface Renewal {
  /** Which part of the store, by the name that the store's own tools give it. */
  readonly bucket: string;
  /** `recreated`: the bucket is a new one. `rolledBack`: the same bucket has lost its last writes, as a restored one has. */
  readonly how: "recreated" | "rolledBack";
}

/** What a watch calls. Listeners must not throw; each call is synchronous and in the order of revisions. */
export interface WatchListener {
  /** First every live entry under the prefix, then every change to one, each at least once. */
  change(change: Change): void;
  /** All that was stored when the watch (re)started has been delivered. */
  current(): void;
  /**
   * Something may have been missed. Every live entry is delivered again, then `current()`; what is not delivered by
   * then no longer exists. Revisions may count from 1 again. With `renewal`, the store is known to be another one.
   */
  doubt(renewal?: Renewal): void;
  /** It cannot begin, for a reason that waiting does not mend: ERR_STORE_PERMISSION or ERR_STORE_SETTINGS. It tries on. */
  failed?(error: Error): void;
}

export interface Watch {
  /** No listener is called any more once this has resolved. */
  close(): Promise<void>;
  /** Has everything delivered again, after a `doubt()`. Where it is missing, closing it and watching again does the same. */
  refresh?(): void;
}

/**
 * A map with revisions. Keys are any non-empty string; values are strings (JSON, by convention of the callers).
 * Reads come from the authority (the leader), never from a replica that may lag. Every call rejects with an
 * OstinatoError: ERR_STORE_UNAVAILABLE when nothing can have changed, ERR_STORE_UNKNOWN when a write may have been
 * applied or may yet be, ERR_STORE_FULL, ERR_STORE_CLOSED, ERR_STORE_PERMISSION.
 */
export interface RevisionMap {
  get(key: string): Promise<Entry | undefined>;
  /** Writes only if the key does not exist. */
  create(key: string, value: string): Promise<Written>;
  /** Writes only if the key stands at this revision. */
  update(key: string, value: string, revision: number): Promise<Written>;
  /** Deletes only if the key stands at this revision; the revision in the answer is the deletion's. */
  delete(key: string, revision: number): Promise<Written>;
  /** Every live entry whose key begins with the prefix, in no promised order. */
  list(prefix: string): AsyncIterable<Entry>;
  watch(prefix: string, listener: WatchListener): Watch;
  /**
   * Only maps that no other process can reach have this. While `watch` is the only watch of this map that covers the
   * key, nobody else can tell how long the key has stood unchanged. Calls `joined` once, before another watch that covers the
   * key delivers anything. Returns the function that cancels this; undefined if there is another watch already.
   */
  whileAlone?(watch: Watch, key: string, joined: () => void): (() => void) | undefined;
}

/** What happened to the connection behind a store. `server` names it where there are several. */
export interface StoreEvent {
  readonly type: "online" | "offline" | "disconnect" | "reconnect";
  readonly server?: string;
}

/** What a producer that knows no more than subjects and JSON has published for a queue. */
export interface IntakeMessage {
  readonly kind: "assign" | "remove";
  /** As it came: it may be anything. */
  readonly body: Uint8Array;
  /** Grows from message to message. */
  readonly sequence: number;
  /** The sequence of the last message that the store held when it delivered this one: that one waits, too. */
  readonly newest?: number;
  /** Milliseconds since 1970 by the server's clock. */
  readonly published?: number;
  /** What the producer calls the message, if anything: a second message of that name is the same message. */
  readonly messageId?: string;
  /** Answers whoever waits for an answer; nobody may. Never throws. */
  answer(text: string): void;
}

/** A request whose message the store has dropped, because it keeps, or kept, one of the same name. */
export type RepeatedRequest = Pick<IntakeMessage, "kind" | "body"> & { readonly messageId: string };

/** What producers publish for one queue, kept until it has been dealt with. Only stores that have subjects have one. */
export interface Intake {
  /** When what keeps the messages was made, in whole seconds since 1970: sequences begin anew with it. */
  readonly epoch: number;
  /** For how many milliseconds an equal message counts as the same one. */
  readonly window?: number;
  /**
   * Keeps messages from now on, consumed or not. @throws OstinatoError as the store's other calls do.
   */
  open(): Promise<void>;
  /**
   * Delivers every message that is not done, in order, then those that come; after a disconnection it goes on by itself,
   * and may deliver again what was delivered but is not done. To be used by one process at a time. `listener` must not
   * throw.
   *
   * @param recall the answer to a request that is a copy of one which was answered before this process consumed.
   */
  consume(
    listener: (message: IntakeMessage) => void,
    recall?: (request: RepeatedRequest) => { readonly text: string; readonly sequence: number } | undefined,
  ): Watch;
  /** This message and all before it need not be kept. Rejects as writes do; to be repeated with a later one if it does. */
  done(sequence: number): Promise<void>;
}

/**
 * Where what is shared lives. A store holds named maps, each with revisions of its own; `memory`, `file` and `nats` are
 * the ways to keep this promise and pass one contract suite.
 */
export interface Store {
  /** The kind and place, for people and logs; never a secret. */
  readonly description: string;
  /** Other processes can work on it at the same time. */
  readonly shared?: boolean;
  /** Connects or opens; called by the runtime before anything else, more than once without harm. */
  open(): Promise<void>;
  /** The map of this name (letters, digits, `-` and `_`), made on first use. Maps of one store never meet. */
  map(name: string): RevisionMap;
  /**
   * When this store was created, in whole seconds since 1970; 0 where nothing outlives the process. With a revision it
   * makes a fencing token that grows even when a store is made anew: epoch × 2^20 + revision.
   * Known once `open()` has resolved.
   */
  epoch(map: string): Promise<number>;
  /** Calls `listener` on connection changes; returns the function that ends it. */
  onEvent(listener: (event: StoreEvent) => void): () => void;
  /**
   * Calls `listener` with the name of a map that turned out to be another one than before, as soon as that is seen, by
   * whichever call; returns the function that ends it. Missing where that cannot be.
   */
  onRenewal?(listener: (map: string, renewal: Renewal) => void): () => void;
  /** Where producers publish for the queue of this name; undefined where the store has no subjects. */
  intake?(queue: string): Intake;
  close(): Promise<void>;
}
