import { isError } from "../foreign";
import { isOutage, OstinatoError, toError } from "../errors";
import { readAssignmentText, readRemovalText } from "../rules/producer-message";
import type { IntakeMark } from "../rules/queue-record";
import type { Intake, IntakeMessage, RepeatedRequest } from "../store";
import { AcceptedMessages } from "./accepted-messages";
import { codeOf, type NewDeadLetter } from "./dead-letters";
import { beginningOf, contentOf, keptError, refusalOf, textOf, type LostRefusal } from "./message-text";
import { OpenMessages, type OpenMessage } from "./open-messages";
import type { AssignedTasks } from "./tasks";

const firstPause = 50;
const longestPause = 1_000;
/** So many failed attempts, some 6 seconds, until a message that others wait behind is set aside. */
const mostAttempts = 10;
const hangs = 30_000;

export interface ProducerDeskOptions {
  readonly intake: Intake;
  readonly tasks: Pick<AssignedTasks, "assign" | "remove" | "removals" | "isAsAccepted" | "accepted">;
  /** What was done before; shared with the process that accepts next. */
  readonly accepted?: AcceptedMessages;
  /** Whether messages may be worked on right now: another process may do so otherwise. */
  readonly mayGoOn: () => boolean;
  /** Keeps what was refused; the mark makes that a message that comes again is kept once. */
  readonly refuse: (letter: Omit<NewDeadLetter, "at" | "node">, mark: IntakeMark, error: Error) => Promise<void>;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Why a message cannot be accepted or kept at the moment, at each attempt; `lost` where none follows. */
  readonly onProblem?: (error: Error, lost?: LostRefusal) => void;
  readonly onAccepted?: () => void;
}

/**
 * Works on what producers have published while this process holds the lease on it: in the order of publication for each
 * id, and many ids at a time. Whatever a message holds, it ends as a task, or as a dead letter with the reason. A copy of
 * a message gets the answer to that, and is not worked on again.
 */
export class ProducerDesk {
  readonly #options: ProducerDeskOptions;
  readonly #accepted: AcceptedMessages;
  /** The last message of each id that is being worked on. */
  readonly #lastOf = new Map<string, Promise<void>>();
  readonly #open = new OpenMessages();
  /** The last message with which all before it are done, and what the store has been told of that. */
  #settled = 0;
  #told = 0;
  #telling: Promise<void> | undefined;
  #isWatchingForHang = false;

  constructor(options: ProducerDeskOptions) {
    this.#options = options;
    this.#accepted = options.accepted ?? new AcceptedMessages();
  }

  take(message: IntakeMessage): void {
    const open = this.#open.add(message.sequence, message.body.length);
    const { key, act } = this.#read(message);
    const previous = this.#lastOf.get(key) ?? Promise.resolve();
    const work = previous.then(() => this.#process(open, message, act)).then((isDone) => this.#close(open, isDone));
    this.#lastOf.set(key, work);
    void work.then(() => this.#lastOf.get(key) === work && this.#lastOf.delete(key));
    if (this.#open.isCrowded) void this.#watchForHang();
  }

  /** The answer to a request of which the store keeps no message, because it kept one of the same name. Never rejects. */
  async recall({
    kind,
    body,
    messageId,
    isRepeated = false,
  }: RepeatedRequest): Promise<{ text: string; sequence: number } | undefined> {
    try {
      const text = textOf(body);
      const id = kind === "remove" ? readRemovalText(text) : readAssignmentText(text).id;
      const content = contentOf({ kind, body, messageId });
      const known =
        this.#accepted.last(id, content) ?? (isRepeated ? await this.#options.tasks.accepted(id, content) : undefined);
      return known && { text: JSON.stringify({ ok: true, result: known.result }), sequence: known.mark.sequence };
    } catch {
      return undefined;
    }
  }

  /** Resolves when no message is being worked on any more. */
  async end(): Promise<void> {
    await Promise.all(this.#lastOf.values());
    await this.#telling;
  }

  /** What the message asks for, and the key of the messages that are worked on in order with it. */
  #read(message: IntakeMessage): { key: string; act: () => Promise<string> } {
    const { kind, body, sequence, newest = sequence, published } = message;
    const { tasks, intake } = this.#options;
    const mark: IntakeMark = { epoch: intake.epoch, sequence, content: contentOf(message), until: newest };
    if (published !== undefined) mark.published = published;
    try {
      const text = textOf(body);
      if (kind === "remove") {
        const id = readRemovalText(text);
        const act = async (): Promise<string> => ((await tasks.remove(id, mark)) ? "removed" : "absent");
        return { key: id, act: () => this.#once(id, message, mark, act) };
      }
      const assignment = readAssignmentText(text);
      const { id } = assignment;
      const act = (): Promise<string> => tasks.assign(assignment, mark, intake.window);
      return { key: id, act: () => this.#once(id, message, mark, act) };
    } catch (error) {
      return { key: `${sequence}`, act: () => Promise.reject(toError(error)) };
    }
  }

  /** Acts, unless the message is a copy of the last one about the id. */
  async #once(
    id: string,
    { kind, messageId }: IntakeMessage,
    mark: IntakeMark,
    act: () => Promise<string>,
  ): Promise<string> {
    const known = this.#accepted.find(id, kind, mark, this.#options.intake.window ?? 0);
    if (known !== undefined) {
      const isSame = known.isSure || messageId !== undefined || (kind === "assign" && (await this.#stands(id, mark)));
      if (isSame) return known.result;
    }
    const result = await act();
    this.#accepted.remember(id, { kind, result, mark });
    this.#options.onAccepted?.();
    return result;
  }

  /** Whether nobody has removed or assigned the task by a call since it was accepted. */
  async #stands(id: string, { content = "" }: IntakeMark): Promise<boolean> {
    const { shard, count } = await this.#options.tasks.removals(id);
    this.#accepted.seeRemovals(shard, count);
    return this.#accepted.last(id, content) !== undefined && this.#options.tasks.isAsAccepted(id, content);
  }

  /** Whether the message need not be kept any longer. Never rejects. */
  async #process(open: OpenMessage, message: IntakeMessage, act: () => Promise<string>): Promise<boolean> {
    for (let pause = firstPause; this.#options.mayGoOn(); pause = Math.min(2 * pause, longestPause)) {
      try {
        const result = await Promise.race([act(), open.abandoned]);
        message.answer(JSON.stringify({ ok: true, result }));
        return true;
      } catch (thrown) {
        const error = toError(thrown);
        if (!isOfTheStore(error)) return this.#refuse(open, message, error);
        open.attempts += 1;
        this.#options.onProblem?.(error);
        if (await this.#isInTheWay(open)) {
          const last = await act().catch(toError);
          if (isError(last)) return this.#refuse(open, message, last, true);
          message.answer(JSON.stringify({ ok: true, result: last }));
          return true;
        }
        await this.#options.pause(pause);
      }
    }
    return false;
  }

  /** Whether others wait behind it that could be accepted: the store answers, and not for this one. */
  async #isInTheWay({ attempts }: OpenMessage): Promise<boolean> {
    if (attempts < mostAttempts || !this.#open.isCrowded) return false;
    return this.#options.intake.done(this.#settled).then(
      () => true,
      () => false,
    );
  }

  async #refuse(open: OpenMessage, message: IntakeMessage, error: Error, isWhole = false): Promise<boolean> {
    const code = codeOf(error).code ?? "ERR_INVALID_PAYLOAD";
    const text = error.message.slice(0, keptError);
    const letter = { ...refusalOf(message, isWhole), error: text, code };
    if (!(await this.#keep(open, message, letter, error))) return false;
    message.answer(JSON.stringify({ ok: false, code, message: text }));
    return true;
  }

  /** Whether nothing is left to do: it is a dead letter, or can be none, which is reported. */
  async #keep(
    open: OpenMessage,
    { kind, body, sequence }: IntakeMessage,
    letter: Omit<NewDeadLetter, "at" | "node">,
    refusal: Error,
  ): Promise<boolean> {
    for (let pause = firstPause; this.#options.mayGoOn(); pause = Math.min(2 * pause, longestPause)) {
      try {
        await this.#options.refuse(letter, { epoch: this.#options.intake.epoch, sequence }, refusal);
        return true;
      } catch (thrown) {
        const cause = toError(thrown);
        open.attempts += 1;
        if (!mayPass(cause) || (await this.#isInTheWay(open))) {
          this.#options.onProblem?.(cause, { kind, text: beginningOf(body), refusal });
          return true;
        }
        this.#options.onProblem?.(cause);
        await this.#options.pause(pause);
      }
    }
    return false;
  }

  /** A schema may never answer; what it was asked about then stands in the way of the rest. */
  async #watchForHang(): Promise<void> {
    const first = this.#open.first;
    if (this.#isWatchingForHang || first === undefined) return;
    this.#isWatchingForHang = true;
    const { attempts } = first;
    for (let waited = 0; waited < hangs && this.#options.mayGoOn(); waited += longestPause) {
      await this.#options.pause(longestPause);
    }
    this.#isWatchingForHang = false;
    if (this.#open.first !== first || first.attempts !== attempts || !this.#open.isCrowded) return;
    first.abandon(new OstinatoError("ERR_INVALID_PAYLOAD", "payload: the schema gives no answer"));
  }

  #close(open: OpenMessage, isDone: boolean): void {
    if (!isDone) return;
    this.#settled = this.#open.done(open) ?? this.#settled;
    this.#telling ??= Promise.resolve().then(() => this.#tell());
  }

  /** One request at a time, each for all that has been done meanwhile. */
  async #tell(): Promise<void> {
    while (this.#told < this.#settled && this.#options.mayGoOn()) {
      const upTo = this.#settled;
      try {
        await this.#options.intake.done(upTo);
        this.#told = upTo;
      } catch (error) {
        this.#options.onProblem?.(toError(error));
        await this.#options.pause(longestPause);
      }
    }
    // In one step with the last look, so that nothing that is settled after it goes untold.
    this.#telling = undefined;
  }
}

function isOfTheStore(error: Error): boolean {
  return error instanceof OstinatoError && error.code.startsWith("ERR_STORE_");
}

function mayPass(error: Error): boolean {
  return isOutage(error) || (error instanceof OstinatoError && error.code === "ERR_STORE_CLOSED");
}
