import * as assert from "uvu/assert";
import { createRuntime, natsStore, systemClock, type Queue } from "ostinato";
import pino from "pino";
import { seededRandom } from "../../src/identity";
import { Client, patiently } from "./chaos-client";
import { History, timing } from "./chaos-history";
import { oneServer, threeServers, type ChaosServers } from "./chaos-servers";
import { Troupe } from "./chaos-troupe";
import type { NatsVersion } from "./nats-server";

export interface ChaosOptions {
  readonly version: NatsVersion;
  readonly servers: 1 | 3;
  /** Memory: servers also lose all that they have stored. */
  readonly storage: "file" | "memory";
  /** How long faults are injected, in milliseconds. */
  readonly duration: number;
  readonly seed: number;
}

const workers = 3;
const repeating = 400;
const namespace = "chaos";
/** How long a partition may stay unserved once faults have ended, besides the period of its tasks. */
const healing = timing.lease + 5_000;
const period = 1_000;

const now = (): number => systemClock.now();
const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.setTimeout(resolve, ms));

/**
 * Lets workers run a queue while workers and servers are killed, frozen, restarted, cut off from each other and emptied.
 * Resolves to a summary; rejects when an acknowledged task was lost, when one ran again without a reason, or when a
 * partition stayed unserved after the last fault. A worker that could not write to the servers for a while, for whatever
 * reason, says so itself: on a busy machine that costs leases as a fault does.
 */
export async function runChaos(options: ChaosOptions): Promise<string> {
  const random = seededRandom(options.seed);
  const servers = await (options.servers === 3 ? threeServers : oneServer)(options.version, pause);
  const history = new History();
  const place = {
    servers: servers.urls,
    namespace,
    storage: options.storage,
    ...(servers.replicas === 3 ? { replicas: 3 } : {}),
  };
  const troupe = new Troupe(place, history, pause);
  const runtime = createRuntime({
    store: natsStore({ ...place, reconnectTimeWait: 100 }),
    logger: pino({ level: "silent" }),
  });
  let client: Client | undefined;
  try {
    await Promise.all(Array.from({ length: workers }, () => troupe.add()));
    const queue = await runtime.queue({ name: "jobs" });
    client = await Client.open(queue, place, random, pause);
    const summary = await storm({ ...options, random, servers, history, troupe, queue, client });
    return summary;
  } finally {
    await client?.close();
    await troupe.end();
    await runtime.stop();
    await servers.stop();
  }
}

interface Scene extends Omit<ChaosOptions, "servers"> {
  readonly random: () => number;
  readonly servers: ChaosServers;
  readonly history: History;
  readonly troupe: Troupe;
  readonly queue: Queue;
  readonly client: Client;
}

async function storm(scene: Scene): Promise<string> {
  const { client, history, queue } = scene;
  const ids = Array.from({ length: repeating }, (_, n) => `repeating ${n}`);
  await Promise.all(ids.map((id) => client.assign(id, true)));
  const end = now() + scene.duration;
  await Promise.all([work(scene, ids, end), attackWorkers(scene, end), attackServers(scene, ids, end)]);
  const faultsEnded = now();
  const living = [...client.known].filter(([, { every, due }]) => every && due !== undefined).map(([id]) => id);
  const runsAgain = (id: string): boolean => history.hasRunSince(id, faultsEnded);
  const deadline = faultsEnded + 10 * healing;
  while (!living.every(runsAgain) && now() < deadline) await pause(100);
  const slowest = Math.max(...living.map((id) => history.servedAfter(id, faultsEnded)));
  assert.ok(slowest <= healing + period, `a partition was unserved for ${slowest} ms after the last fault or trouble`);
  while ((await patiently(() => queue.size(), pause)) > living.length && now() < deadline) await pause(200);
  assert.ok(living.length > 0);
  history.check(client.known);
  return `${history.summary(client.known)}; all served ${Math.round(slowest)} ms after them`;
}

/** What clients do: eight kinds of call, one after the other. */
async function work({ random, client }: Scene, ids: readonly string[], end: number): Promise<void> {
  let shots = 0;
  const any = (): number => Math.ceil(random() * shots);
  const calls = async (): Promise<void> => {
    while (now() < end) {
      const chance = random();
      if (chance < 0.7) await client.assign(`once ${(shots += 1)}`, false);
      else if (chance < 0.8) await client.assign(`once ${any()}`, false);
      else if (chance < 0.9) await client.remove(`once ${any()}`);
      else {
        const id = ids[Math.floor(random() * repeating)] as string;
        if (chance < 0.97) await client.assign(id, true);
        else await client.remove(id);
      }
      await pause(random() * 20);
    }
  };
  let requests = 0;
  const producers = async (): Promise<void> => {
    while (now() < end) {
      if (random() < 0.1) client.publish(`bare ${requests}`);
      await client.request(random() < 0.8 ? `asked ${(requests += 1)}` : `asked ${Math.ceil(random() * requests)}`);
      await pause(random() * 40);
    }
  };
  await Promise.all([calls(), producers()]);
}

async function attackWorkers({ random, troupe }: Scene, end: number): Promise<void> {
  while (now() < end) {
    await pause(200 + random() * 1_000);
    const victim = troupe.names[Math.floor(random() * troupe.names.length)];
    const chance = random();
    const kind = chance < 0.4 ? "kill" : chance < 0.75 ? "freeze" : "stop";
    if (victim !== undefined) await troupe.attack(victim, kind, 200 + random() * 4_000);
  }
}

async function attackServers(scene: Scene, ids: readonly string[], end: number): Promise<void> {
  const { random, servers, history, storage } = scene;
  while (now() < end) {
    await pause(2_000 + random() * 4_000);
    const ms = 200 + random() * 4_000;
    if (storage === "memory") await history.during(undefined, "wipe", () => wipe(scene, ids));
    else {
      const fault = servers.faults[Math.floor(random() * servers.faults.length)] as string;
      await history.during(undefined, fault, () => servers.inflict(fault, ms, random()));
    }
  }
}

/** The servers lose a stream, or everything; what repeats is assigned again, as an operator would do. */
async function wipe({ random, servers, history, client }: Scene, ids: readonly string[]): Promise<void> {
  const streams = ["leases", "tasks-jobs"].map((map) => `KV_${namespace}_${map}`);
  if (random() < 0.5) await servers.restart();
  else await servers.deleteStream(streams[Math.floor(random() * streams.length)] as string);
  history.wiped();
  client.forget();
  await Promise.all(ids.map((id) => client.assign(id, true)));
}
