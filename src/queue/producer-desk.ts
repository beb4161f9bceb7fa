import { OstinatoError, toError } from "../errors";
import { readAssignmentText, readRemovalText } from "../rules/producer-message";
import type { Intake, IntakeMessage } from "../store";
import { codeOf, type NewDeadLetter } from "./dead-letters";
import type { AssignedTasks, IntakeMark } from "./tasks";

/** What a refused message is kept with, in characters: enough to see what it was, not enough to fill a store soon. */
const kept = 4_096;
const keptError = 1_000;
const firstPause = 50;
const longestPause = 1_000;

export interface ProducerDeskOptions {
  readonly intake: Intake;
  readonly tasks: Pick<AssignedTasks, "assign" | "remove">;
  /** Whether messages may be dealt with right now: another process may do so otherwise. */
  readonly mayGoOn: () => boolean;
  /** Keeps what was refused; the mark makes that a message that comes again is kept once. */
  readonly refuse: (letter: Omit<NewDeadLetter, "at" | "node">, mark: IntakeMark, error: Error) => Promise<void>;
  readonly pause: (milliseconds: number) => Promise<void>;
}

interface Open {
  readonly sequence: number;
  isDone: boolean;
}

/**
 * Deals with what producers have published while this process holds the lease on it: in the order of publication for each
 * id, and many ids at a time. Whatever a message holds, it ends as a task, or as a dead letter with the reason.
 */
export class ProducerDesk {
  readonly #options: ProducerDeskOptions;
  /** The last message of each id that is being dealt with. */
  readonly #lastOf = new Map<string, Promise<void>>();
  /** In order of publication; what is done is forgotten once all before it is. */
  readonly #open: Open[] = [];
  /** The last message with which all before it are done, and what the store has been told of that. */
  #settled = 0;
  #told = 0;
  #telling: Promise<void> | undefined;

  constructor(options: ProducerDeskOptions) {
    this.#options = options;
  }

  take(message: IntakeMessage): void {
    const open = { sequence: message.sequence, isDone: false };
    this.#open.push(open);
    const work = this.#read(message);
    const previous = this.#lastOf.get(work.key) ?? Promise.resolve();
    const dealt = previous.then(() => this.#deal(message, work.act)).then((isDone) => this.#close(open, isDone));
    this.#lastOf.set(work.key, dealt);
    void dealt.then(() => this.#lastOf.get(work.key) === dealt && this.#lastOf.delete(work.key));
  }

  /** Resolves when nothing of what was taken is being dealt with any more. */
  async end(): Promise<void> {
    await Promise.all(this.#lastOf.values());
    await this.#telling;
  }

  /** What the message asks for, and the id under which it is kept in order; where there is none, its own number. */
  #read({ kind, body, sequence }: IntakeMessage): { key: string; act: () => Promise<string> } {
    const { tasks, intake } = this.#options;
    try {
      const mark = { epoch: intake.epoch, sequence };
      const text = textOf(body);
      if (kind === "remove") {
        const id = readRemovalText(text);
        return { key: id, act: async () => ((await tasks.remove(id, mark)) ? "removed" : "absent") };
      }
      const assignment = readAssignmentText(text);
      return { key: assignment.id, act: () => tasks.assign(assignment, mark) };
    } catch (error) {
      return { key: `${sequence}`, act: () => Promise.reject(toError(error)) };
    }
  }

  /** Whether it need not be kept any longer. Never rejects. */
  async #deal(message: IntakeMessage, act: () => Promise<string>): Promise<boolean> {
    for (let pause = firstPause; this.#options.mayGoOn(); pause = Math.min(2 * pause, longestPause)) {
      try {
        const answer = await this.#answer(message, act);
        message.answer(JSON.stringify(answer));
        return true;
      } catch {
        // The store is out of reach, or full: it waits for that to end, as everything does.
        await this.#options.pause(pause);
      }
    }
    return false;
  }

  /** @throws what concerns the store and not the message. */
  async #answer(message: IntakeMessage, act: () => Promise<string>): Promise<object> {
    try {
      return { ok: true, result: await act() };
    } catch (thrown) {
      const error = toError(thrown);
      if (isOfTheStore(error)) throw error;
      const { code = "ERR_INVALID_PAYLOAD" } = codeOf(error);
      const text = error.message.slice(0, keptError);
      await this.#keep(message, error, text, code);
      return { ok: false, code, message: text };
    }
  }

  async #keep({ kind, body, sequence }: IntakeMessage, thrown: Error, error: string, code: string): Promise<void> {
    const text = Buffer.from(body).toString("utf8");
    const message = { kind, text: text.slice(0, kept), isWhole: text.length <= kept };
    const letter = { reason: "refused" as const, ...partsOf(text), message, error, code, attempts: 0 };
    await this.#options.refuse(letter, { epoch: this.#options.intake.epoch, sequence }, thrown);
  }

  #close(open: Open, isDone: boolean): void {
    if (!isDone) return;
    open.isDone = true;
    const first = this.#open.findIndex((one) => !one.isDone);
    const done = this.#open.splice(0, first < 0 ? this.#open.length : first);
    this.#settled = done.at(-1)?.sequence ?? this.#settled;
    this.#telling ??= Promise.resolve().then(() => this.#tell());
  }

  /** One request at a time, each for all that has been done meanwhile. */
  async #tell(): Promise<void> {
    while (this.#told < this.#settled && this.#options.mayGoOn()) {
      const upTo = this.#settled;
      try {
        await this.#options.intake.done(upTo);
        this.#told = upTo;
      } catch {
        await this.#options.pause(longestPause);
      }
    }
    // In one step with the last look, so that nothing that is settled after it goes untold.
    this.#telling = undefined;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws OstinatoError ERR_INVALID_PAYLOAD */
function textOf(body: Uint8Array): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new OstinatoError("ERR_INVALID_PAYLOAD", "it is no UTF-8", { cause });
  }
}

/** The id and the payload, where they can be read; otherwise the beginning of the text. */
function partsOf(text: string): Pick<NewDeadLetter, "id" | "payload"> {
  try {
    const { id, payload } = JSON.parse(text) as { id?: unknown; payload?: unknown };
    const isSmall = text.length <= kept;
    if (typeof id === "string" && id.length <= kept) return { id, payload: isSmall ? payload : text.slice(0, kept) };
  } catch {
    // Told by the letter's error.
  }
  return { id: undefined, payload: text.slice(0, kept) };
}

function isOfTheStore(error: Error): boolean {
  return error instanceof OstinatoError && error.code.startsWith("ERR_STORE_");
}
