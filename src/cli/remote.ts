import type { Command } from "commander";
import { OstinatoError, openTaskRecords, systemClock, type TaskRecords } from "../index";
import { httpAddress, type HttpAddress } from "../rules/address";
import { openStore, readText } from "./options";
import { escaped, quoted } from "../validate";

/** How a command finds what is running: through the store that the nodes share, or through one node's inspector. */
export interface TargetOptions {
  store?: string;
  namespace?: string;
  inboxPrefix?: string;
  url?: string;
  token?: string;
}

export type Answer = { ok: boolean; message: string };

/** A line of `status` and `top`. */
export interface Line {
  name: string;
  state: string;
  next?: string | undefined;
  lastOutcome?: string | undefined;
  lastEnd?: string | undefined;
  failures: number;
  holder?: string | undefined;
  error?: string | undefined;
  why?: string | undefined;
}

export interface Target {
  /** Where it looks, for people. */
  readonly description: string;
  status(): Promise<{ lines: Line[]; raw: unknown }>;
  act(action: "trigger" | "pause" | "resume", task: string): Promise<Answer>;
  close(): Promise<void>;
}

export function withTarget(command: Command): Command {
  return command
    .option("--store <STORE>", "the store that the nodes share: file:PATH or nats://HOST:PORT[,HOST:PORT…]", readText)
    .option("--namespace <NAME>", 'keeps apart the stores of one NATS account (default: "ostinato")', readText)
    .option("--inbox-prefix <PREFIX>", "where NATS answers, if this user may not listen to _INBOX.>", readText)
    .option("--url <URL>", "the inspector of one process, such as http://127.0.0.1:4600", readText)
    .option("--token <TOKEN>", "the inspector's token", readText);
}

/** Opens, uses and closes it; resolves to the exit code. What the store or the inspector refuses is told without a stack. */
export async function useTarget(options: TargetOptions, use: (target: Target) => Promise<number>): Promise<number> {
  let target: Target | undefined;
  try {
    target = await openTarget(options);
    return await use(target);
  } catch (error) {
    if (!(error instanceof OstinatoError) || error.code === "ERR_USAGE") throw error;
    console.error(`error: ${error.message}`);
    return 1;
  } finally {
    await target?.close();
  }
}

/** @throws OstinatoError ERR_USAGE unless exactly one of --store and --url is given */
async function openTarget({ store, namespace, inboxPrefix, url, token }: TargetOptions): Promise<Target> {
  if ((store === undefined) === (url === undefined)) {
    throw new OstinatoError("ERR_USAGE", "give either --store (the whole cluster) or --url (one process's inspector)");
  }
  if (url !== undefined) return byUrl(httpAddress("--url", url), token);
  if (store === "memory")
    throw new OstinatoError("ERR_USAGE", "--store: a memory store is seen by its own process alone");
  const opened = openStore(store ?? "", namespace, inboxPrefix);
  return byStore(await openTaskRecords(opened, systemClock), opened.description);
}

function byStore(records: TaskRecords, description: string): Target {
  return {
    description,
    async status() {
      const tasks = await records.list();
      const lines = tasks.map(({ name, state, retryAt, failures, holder, lastError, history: [last] }) => ({
        name,
        state,
        next: retryAt?.toISOString(),
        lastOutcome: last?.outcome,
        lastEnd: last?.endedAt.toISOString(),
        failures,
        holder,
        error: failures > 0 ? lastError : undefined,
      }));
      return { lines, raw: { store: description, tasks } };
    },
    async act(action, task) {
      if (action === "pause") {
        await records.pause(task);
        return { ok: true, message: `${quoted(task)} is paused on every node` };
      }
      if (action === "resume") {
        await records.resume(task);
        return { ok: true, message: `${quoted(task)} goes on` };
      }
      const result = await records.trigger(task);
      if (result.triggered)
        return { ok: true, message: `${quoted(task)} is to run now, on the first node that is free for it` };
      return { ok: false, message: `${quoted(task)} is running already, on ${escaped(result.holder)}` };
    },
    close: () => records.close(),
  };
}

interface RemoteStatus {
  node: string;
  tasks: {
    name: string;
    state: string;
    paused: boolean;
    nextRun?: string;
    failures: number;
    holder?: string;
    lastError?: string;
    lastRun?: { outcome: string; endedAt: string };
    decision?: { reason: string };
  }[];
}

function byUrl({ url, headers: found }: HttpAddress, token: string | undefined): Target {
  const headers = token === undefined ? found : { authorization: `Bearer ${token}` };
  const call = async (path: string, init: { headers?: Record<string, string>; method?: string; body?: string } = {}) =>
    fetch(new URL(path, url), { ...init, headers: { ...headers, ...init.headers } }).catch((error: unknown) => {
      throw new OstinatoError("ERR_USAGE", `no inspector answers at ${url.href}`, { cause: error });
    });
  const get = async (path: string): Promise<Response> => {
    const response = await call(path);
    if (response.ok) return response;
    const { error = response.statusText } = await answerOf(response);
    throw new OstinatoError("ERR_USAGE", `the inspector at ${url.href} refused: ${error}`);
  };
  return {
    description: url.href,
    async status() {
      const raw = (await (await get("api/status")).json().catch(() => undefined)) as RemoteStatus | undefined;
      if (!Array.isArray(raw?.tasks)) throw new OstinatoError("ERR_USAGE", `${url.href} is no inspector's address`);
      const lines = raw.tasks.map((task) => ({
        name: task.name,
        state: task.paused ? "paused" : task.state,
        next: task.nextRun,
        lastOutcome: task.lastRun?.outcome,
        lastEnd: task.lastRun?.endedAt,
        failures: task.failures,
        holder: task.holder,
        error: task.failures > 0 ? task.lastError : undefined,
        why: task.decision?.reason,
      }));
      return { lines, raw };
    },
    async act(action, task) {
      const page = /name="ostinato-token" content="([^"]+)"/.exec(await (await get("")).text())?.[1];
      const response = await call("api/act", {
        method: "POST",
        headers: { "content-type": "application/json", "x-ostinato-token": page ?? "" },
        body: JSON.stringify({ action, task }),
      });
      const { message, error } = await answerOf(response);
      return { ok: response.ok, message: message ?? error ?? response.statusText };
    },
    close: async () => undefined,
  };
}

/** What an inspector says besides its status; whoever else listens there may answer anything. */
async function answerOf(response: Response): Promise<{ message?: string; error?: string }> {
  const answer: unknown = await response.json().catch(() => undefined);
  if (typeof answer !== "object" || answer === null) return {};
  const { message, error } = answer as { message?: unknown; error?: unknown };
  return { ...(typeof message === "string" ? { message } : {}), ...(typeof error === "string" ? { error } : {}) };
}
