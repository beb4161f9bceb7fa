import { errorCodes } from "ostinato";
import { request } from "../helpers/raw-http";
import { commandLine, httpRequest, message } from "./cases";
import { Random } from "./random";
import { startTarget, type Target } from "./target";

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  /** Called after each round, with how many cases were tried. */
  readonly progress?: (done: number) => void;
}

type Round = (target: Target, random: Random, count: number) => Promise<void>;

/** Of a thousand cases, so many of each kind: a command costs as much as a thousand messages. */
const kinds: readonly { readonly name: string; readonly share: number; readonly round: Round }[] = [
  { name: "messages", share: 599, round: sendMessages },
  { name: "records", share: 150, round: writeRecords },
  { name: "lines", share: 150, round: assignLines },
  { name: "requests", share: 100, round: sendRequests },
  { name: "commands", share: 1, round: runCommands },
];

const mostOfRound = 2_000;
/** Longer than anything takes that does not hang, on a busy machine. */
const patience = 120_000;

/**
 * Sends random messages, records, lines, requests and command lines to a service. Rejects at a crash, a hang, an answer
 * without a code, an answer of 500, or when the service does not serve any more; resolves to how many cases of each kind
 * were tried. The same seed makes the same cases.
 */
export async function fuzz({ count, seed, progress }: FuzzOptions): Promise<Record<string, number>> {
  const tried = new Map(kinds.map(({ name }) => [name, 0]));
  const target = await startTarget();
  const uncaught = new Promise<never>((_, reject) => {
    const fail = (error: unknown): void => reject(new Error("uncaught", { cause: error }));
    process.on("uncaughtException", fail).on("unhandledRejection", fail);
  });
  uncaught.catch(() => undefined);
  const randoms = kinds.map((_, index) => new Random(seed * kinds.length + index));
  try {
    for (let done = 0; done < count;) {
      const size = Math.min(mostOfRound, count - done);
      const shares = kinds.map(({ name, share }) => {
        const wanted = Math.ceil(((done + size) * share) / 1_000) - (tried.get(name) ?? 0);
        tried.set(name, (tried.get(name) ?? 0) + wanted);
        return wanted;
      });
      const rounds = kinds.map(({ round, name }, index) =>
        inTime(round(target, randoms[index] as Random, shares[index] ?? 0), name),
      );
      await Promise.race([Promise.all(rounds), uncaught]);
      await Promise.race([inTime(target.serves(), "the next task"), uncaught]);
      done += size;
      progress?.(done);
    }
  } catch (error) {
    console.error(target.lastWords());
    throw error;
  } finally {
    process.removeAllListeners("uncaughtException").removeAllListeners("unhandledRejection");
    await target.end();
  }
  return Object.fromEntries(tried);
}

async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end within ${String(patience / 1_000)} s`)), patience);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** So many at a time; what is wrong is thrown with the case that showed it. */
async function each<T>(cases: readonly T[], atOnce: number, attempt: (one: T) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < cases.length) {
      const one = cases[next++] as T;
      try {
        await attempt(one);
      } catch (error) {
        const shown = one instanceof Uint8Array ? Buffer.from(one).toString("latin1") : one;
        throw new Error(`${(error as Error).message}; the case: ${JSON.stringify(shown)}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function sendMessages({ client }: Target, random: Random, count: number): Promise<void> {
  const cases = Array.from({ length: count }, () => message(random));
  const subjects = ["ostinato.mail.assign", "ostinato.mail.assign", "ostinato.mail.remove"];
  await each(cases, 200, async (body) => {
    const subject = subjects[body.length % subjects.length] as string;
    const answer = (await client.request(subject, body, { timeout: 30_000 })).json<{ ok?: boolean; code?: string }>();
    if (answer.ok === true || (answer.code !== undefined && Object.hasOwn(errorCodes, answer.code))) return;
    throw new Error(`an answer without a code: ${JSON.stringify(answer)}`);
  });
}

/** New ones beside those of each bucket, as somebody with another version or another program might write them. */
async function writeRecords({ client }: Target, random: Random, count: number): Promise<void> {
  const manager = await client.jetstreamManager();
  const samples: { subject: string; text: string }[] = [];
  for await (const { config } of manager.streams.list()) {
    if (!config.name.startsWith("KV_")) continue;
    const subject = `$KV.${config.name.slice(3)}.>`;
    const found = await manager.streams.getMessage(config.name, { last_by_subj: subject }).catch(() => undefined);
    if (found !== undefined) samples.push({ subject: found.subject, text: Buffer.from(found.data).toString() });
  }
  for (let n = 0; n < count; n++) {
    const { subject, text } = random.pick(samples);
    const parts = subject.split(".");
    const end = `${String(parts.at(-1)).slice(0, random.below(20))}x${String(random.below(5_000))}`;
    const value = random.pick([
      () => random.mutated(text),
      () => JSON.stringify(random.value()),
      () => random.bytes(),
    ])();
    client.publish([...parts.slice(0, -1), end].join("."), value);
  }
  await client.flush();
}

async function assignLines({ commands }: Target, random: Random, count: number): Promise<void> {
  if (count > 0) await commands.assign(Array.from({ length: count }, () => message(random)));
}

async function sendRequests({ port, pageToken }: Target, random: Random, count: number): Promise<void> {
  const cases = Array.from({ length: count }, () => httpRequest(random, pageToken));
  await each(cases, 32, async (bytes) => {
    const { status, body } = await request(port, bytes, 1_000);
    if (status >= 500 && !(status === 503 && body.includes('"unhealthy"')))
      throw new Error(`answered ${String(status)}`);
    if (/\n\s+at /.test(body)) throw new Error("answered with a stack");
  });
}

async function runCommands({ commands }: Target, random: Random, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await commands.run(commandLine(random, commands.store));
}
