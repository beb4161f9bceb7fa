/** With so many messages, or bytes, open, the store delivers no more until some are done. */
const crowd = 1_000;
const crowdBytes = 24 * 1024 * 1024;

/** A message that was taken and is not known to be done. */
export class OpenMessage {
  readonly sequence: number;
  readonly bytes: number;
  isDone = false;
  /** Attempts that failed. */
  attempts = 0;
  /** Rejects when it is not to be waited for any more. */
  readonly abandoned: Promise<never>;
  #reject: (reason: Error) => void = () => undefined;

  constructor(sequence: number, bytes: number) {
    this.sequence = sequence;
    this.bytes = bytes;
    this.abandoned = new Promise<never>((_, reject) => (this.#reject = reject));
    this.abandoned.catch(() => undefined);
  }

  abandon(reason: Error): void {
    this.#reject(reason);
  }
}

/** In order of publication; what is done is forgotten once all before it is. */
export class OpenMessages {
  #messages: OpenMessage[] = [];
  #bytes = 0;

  get first(): OpenMessage | undefined {
    return this.#messages[0];
  }

  /** Whether the store may hold others back because of these. */
  get isCrowded(): boolean {
    return this.#messages.length >= crowd || this.#bytes >= crowdBytes;
  }

  add(sequence: number, bytes: number): OpenMessage {
    const message = new OpenMessage(sequence, bytes);
    this.#messages.push(message);
    this.#bytes += bytes;
    return message;
  }

  /** The sequence with which all before it are done; undefined if that has not changed. */
  done(message: OpenMessage): number | undefined {
    message.isDone = true;
    const first = this.#messages.findIndex((one) => !one.isDone);
    const done = this.#messages.splice(0, first < 0 ? this.#messages.length : first);
    for (const { bytes } of done) this.#bytes -= bytes;
    return done.at(-1)?.sequence;
  }
}
