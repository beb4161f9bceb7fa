import { LeaseLostError } from "../errors";
import { quoted } from "../validate";

/**
 * The end of a tenure as a signal. Signals and errors are made where somebody asks for them, because they cost more than
 * the rest of a short tenure.
 */
export class LeaseSignal {
  readonly #key: string;
  #controller: AbortController | undefined;
  #reason: string | undefined;

  constructor(key: string) {
    this.#key = key;
  }

  /** Of the present tenure, or the last one. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    this.#tell();
    return this.#controller.signal;
  }

  get error(): LeaseLostError {
    return new LeaseLostError(`the lease on ${quoted(this.#key)} is gone: ${this.#reason ?? "it was not taken"}`);
  }

  /** Another tenure begins. */
  begin(): void {
    if (this.#reason !== undefined) this.#controller = this.#reason = undefined;
  }

  end(reason: string): void {
    this.#reason = reason;
    this.#tell();
  }

  #tell(): void {
    if (this.#reason === undefined || this.#controller?.signal.aborted !== false) return;
    this.#controller.abort(this.error);
  }
}
