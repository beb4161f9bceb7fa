// time limit: 300 s
import { createRuntime, systemClock, type OstinatoError, type Queue } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";
import { startQueueWorker, storeAt, type QueueWorkerProcess } from "../helpers/queue-worker";
import { seededRandom } from "../../src/identity";

/** How long faults go on, in milliseconds. */
const duration = 60_000;
const lease = 2_000;
const bucket = 100;
const workMs = 20;
const workers = 3;
const repeating = 300;
/** What a message from one process to another, on a busy machine, takes. */
const slack = 500;

interface Run {
  readonly worker: string;
  readonly at: number;
}

interface Fault {
  /** Undefined: the server's. */
  readonly worker: string | undefined;
  readonly what: string;
  readonly from: number;
  until: number;
}

/** What has been assigned under one id, as the test knows. */
interface Known {
  /** The due time of its last definition; undefined: it has been removed. */
  due: number | undefined;
  /** When that was acknowledged. */
  since: number;
  readonly every: boolean;
  /** A call had no answer and was repeated: what it did may have been done, and have run, before. */
  isUncertain: boolean;
}

const now = (): number => systemClock.now();
const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.setTimeout(resolve, ms));

/** As a client would: again, until there is an answer. */
async function patiently<T>(act: () => Promise<T>, onFailure: () => void = () => undefined): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error as OstinatoError).code.startsWith("ERR_STORE_")) throw error;
      onFailure();
      await pause(50);
    }
  }
}

/** Everything that the workers told, by id and due time. */
class History {
  readonly runs = new Map<string, Map<number, Run[]>>();
  readonly faults: Fault[] = [];

  note(worker: string, told: readonly (readonly [id: string, due: number, at: number, attempt: number])[]): void {
    for (const [id, due, at] of told) {
      const ofId = this.runs.get(id) ?? new Map<number, Run[]>();
      this.runs.set(id, ofId);
      ofId.set(due, [...(ofId.get(due) ?? []), { worker, at }]);
    }
  }

  async during(worker: string | undefined, what: string, body: () => Promise<void>): Promise<void> {
    const fault: Fault = { worker, what, from: now(), until: Infinity };
    this.faults.push(fault);
    await body();
    fault.until = now();
  }

  /** Whether a fault may have kept this run from being recorded. */
  excuses({ worker, at }: Run): boolean {
    const from = at - slack;
    // Its end is written down again and again while the lease lasts.
    const until = at + workMs + lease + slack;
    return this.faults.some(
      (fault) => (fault.worker === undefined || fault.worker === worker) && fault.from <= until && fault.until >= from,
    );
  }
}

/** Three workers under attack; each that dies is replaced. */
class Troupe {
  readonly #history: History;
  readonly #server: NatsServer;
  readonly #all = new Map<string, QueueWorkerProcess>();
  #count = 0;

  constructor(server: NatsServer, history: History) {
    this.#server = server;
    this.#history = history;
  }

  get names(): string[] {
    return [...this.#all.keys()];
  }

  async add(): Promise<void> {
    const name = `worker ${String((this.#count += 1))}`;
    const setup = { place: { servers: [this.#server.url], namespace: "chaos" }, queue: "jobs", each: true, workMs };
    const options = { ...setup, nodeId: name, lease: `${String(lease)}ms`, bucket: `${String(bucket)}ms` };
    const worker = await startQueueWorker(options, ({ runs }) => this.#history.note(name, runs));
    this.#all.set(name, worker);
  }

  async attack(name: string, kind: "kill" | "freeze" | "stop", ms: number): Promise<void> {
    const worker = this.#all.get(name) as QueueWorkerProcess;
    if (kind !== "freeze") this.#all.delete(name);
    await this.#history.during(name, kind, async () => {
      if (kind === "kill") worker.signal("SIGKILL");
      else if (kind === "stop") await worker.stop();
      else {
        worker.signal("SIGSTOP");
        await pause(ms);
        worker.signal("SIGCONT");
      }
    });
    if (kind !== "freeze") await this.add();
  }

  async end(): Promise<void> {
    await Promise.all([...this.#all.values()].map((worker) => worker.stop()));
  }
}

/** Assigns, updates and removes at random, and remembers what was acknowledged. */
class Client {
  readonly known = new Map<string, Known>();
  readonly #queue: Queue;
  readonly #random: () => number;

  constructor(queue: Queue, random: () => number) {
    this.#queue = queue;
    this.#random = random;
  }

  async assign(id: string, every: boolean): Promise<void> {
    const known = this.known.get(id) ?? { due: undefined, since: 0, every, isUncertain: false };
    this.known.set(id, known);
    // No two definitions that follow each other have the same time.
    const due = Math.max(now() + Math.round(this.#random() * 2_000), (known.due ?? 0) + 1);
    const repeats = every ? { every: "1s" as const } : {};
    await this.#surely(known, () => this.#queue.assign({ id, payload: null, at: due, ...repeats }));
    known.due = due;
    known.since = now();
  }

  async remove(id: string): Promise<void> {
    const known = this.known.get(id);
    if (known === undefined) return;
    await this.#surely(known, () => this.#queue.remove(id));
    known.due = undefined;
    known.since = now();
  }

  async #surely(known: Known, act: () => Promise<unknown>): Promise<void> {
    await patiently(act, () => (known.isUncertain = true));
  }
}

test("60 seconds of kills, freezes and restarts of workers and server: nothing is lost, stays on or runs again without a reason", async () => {
  const seed = now();
  const random = seededRandom(seed);
  const server = await startNatsServer({ version: "2.15.1" });
  const history = new History();
  const troupe = new Troupe(server, history);
  const runtime = createRuntime({
    store: storeAt({ servers: [server.url], namespace: "chaos" }),
    logger: pino({ level: "silent" }),
  });
  try {
    await Promise.all(Array.from({ length: workers }, () => troupe.add()));
    const client = new Client(await runtime.queue({ name: "jobs" }), random);
    const ids = Array.from({ length: repeating }, (_, n) => `repeating ${String(n)}`);
    await Promise.all(ids.map((id) => client.assign(id, true)));

    const end = now() + duration;
    let shots = 0;
    const work = async (): Promise<void> => {
      while (now() < end) {
        const chance = random();
        if (chance < 0.7) await client.assign(`once ${String((shots += 1))}`, false);
        else if (chance < 0.8) await client.assign(`once ${String(Math.ceil(random() * shots))}`, false);
        else if (chance < 0.9) await client.remove(`once ${String(Math.ceil(random() * shots))}`);
        else {
          const id = ids[Math.floor(random() * repeating)] as string;
          if (chance < 0.97) await client.assign(id, true);
          else await client.remove(id);
        }
        await pause(random() * 20);
      }
    };
    const attackWorkers = async (): Promise<void> => {
      while (now() < end) {
        await pause(200 + random() * 1_000);
        const victim = troupe.names[Math.floor(random() * troupe.names.length)];
        const chance = random();
        const kind = chance < 0.4 ? "kill" : chance < 0.75 ? "freeze" : "stop";
        if (victim !== undefined) await troupe.attack(victim, kind, 200 + random() * 4_000);
      }
    };
    const attackServer = async (): Promise<void> => {
      while (now() < end) {
        await pause(2_000 + random() * 4_000);
        const ms = 200 + random() * 4_000;
        if (random() < 0.5) {
          await history.during(undefined, "kill", async () => {
            await server.kill();
            await pause(ms);
            await server.restart();
          });
        } else {
          await history.during(undefined, "freeze", async () => {
            server.pause();
            await pause(ms);
            server.resume();
          });
        }
      }
    };
    await Promise.all([work(), attackWorkers(), attackServer()]);

    const queue = runtime.queues()[0] as Queue;
    const living = [...client.known].filter(([, { every, due }]) => every && due !== undefined).map(([id]) => id);
    while ((await patiently(() => queue.size())) > living.length) await pause(200);
    const healed = now();
    // Each repeating one has run again since.
    const goesOn = (id: string): boolean =>
      [...(history.runs.get(id)?.values() ?? [])].some((runs) => runs.some(({ at }) => at > healed));
    while (!living.every(goesOn)) await pause(100);
    check(client, history, living.length > 0 && shots > 500);
    console.log(`      seed ${String(seed)}: ${told(client, history)}`);
  } catch (error) {
    console.log(`      seed ${String(seed)}`);
    throw error;
  } finally {
    await troupe.end();
    await runtime.stop();
    await server.stop();
  }
});

function check(client: Client, history: History, isEnough: boolean): void {
  assert.ok(isEnough);
  for (const [id, { due, since, every, isUncertain }] of client.known) {
    const runs = history.runs.get(id) ?? new Map<number, Run[]>();
    if (due !== undefined && !every) assert.ok((runs.get(due)?.length ?? 0) > 0, `${id} was lost`);
    if (due === undefined) {
      const later = [...runs.values()].flat().filter(({ at }) => at > since + slack);
      assert.ok(later.length === 0, `${id} ran ${String((later[0]?.at ?? 0) - since)} ms after it was removed`);
    }
    for (const [time, ofTime] of runs) {
      if (ofTime.length < 2 || isUncertain) continue;
      const earlier = ofTime.sort((a, b) => a.at - b.at).slice(0, -1);
      for (const run of earlier) {
        assert.ok(history.excuses(run), `${id} ran again for ${String(time)} although ${run.worker} had no fault`);
      }
    }
  }
}

function told({ known }: Client, { runs, faults }: History): string {
  const all = [...runs.values()].flatMap((ofId) => [...ofId.values()]);
  const again = all.filter((each) => each.length > 1).length;
  const ran = String(all.reduce((sum, { length }) => sum + length, 0));
  return `${String(faults.length)} faults, ${String(known.size)} tasks, ${ran} runs, ${String(again)} of them again`;
}

test.run();
