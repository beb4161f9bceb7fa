import { connect } from "nats";
import { startNatsServer, type NatsServer, type NatsVersion } from "./nats-server";
import { awaitReplicas } from "./nats-stream";
import { freePort } from "./ports";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy";

/** One or three real servers of a chaos run. Each fault lasts until its promise resolves. */
export interface ChaosServers {
  readonly urls: string[];
  readonly replicas: 1 | 3;
  /** The names of the faults that these servers can have. */
  readonly faults: readonly string[];
  inflict(fault: string, milliseconds: number, random: number): Promise<void>;
  /** Deletes the stream with everything in it. */
  deleteStream(name: string): Promise<void>;
  /** Ends one server in order and starts it again: one that stores in memory has lost everything. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

type Pause = (milliseconds: number) => Promise<void>;

async function deleteStream(url: string, name: string): Promise<void> {
  const connection = await connect({ servers: url });
  try {
    await connection.request(`$JS.API.STREAM.DELETE.${name}`, undefined, { timeout: 5_000 });
  } finally {
    await connection.close();
  }
}

/** SIGKILL and SIGSTOP, each for a while. */
async function inflict(server: NatsServer, fault: string, milliseconds: number, pause: Pause): Promise<void> {
  if (fault === "kill") {
    await server.kill();
    await pause(milliseconds);
    await server.restart();
  } else {
    server.pause();
    await pause(milliseconds);
    server.resume();
  }
}

export async function oneServer(version: NatsVersion, pause: Pause): Promise<ChaosServers> {
  const server = await startNatsServer({ version });
  return {
    urls: [server.url],
    replicas: 1,
    faults: ["kill", "freeze"],
    inflict: (fault, milliseconds) => inflict(server, fault, milliseconds, pause),
    deleteStream: (name) => deleteStream(server.url, name),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

/** Three servers whose routes to each other pass through proxies, so that each of them can be cut off from its peers. */
export async function threeServers(version: NatsVersion, pause: Pause): Promise<ChaosServers> {
  const numbers = [0, 1, 2];
  const ports = await Promise.all(numbers.map(() => freePort()));
  const nowhere = await freePort();
  const ways = new Map<string, TcpProxy>();
  const pairs = numbers.flatMap((from) => numbers.filter((to) => to !== from).map((to) => [from, to] as const));
  for (const [from, to] of pairs) ways.set(`${from}-${to}`, await startTcpProxy(ports[to] as number));
  const servers = await Promise.all(
    numbers.map((number) => {
      const routes = pairs
        .filter(([from]) => from === number)
        .map(([from, to]) => `"${ways.get(`${from}-${to}`)?.url ?? ""}"`);
      // Peers pass on the advertised address: nobody listens there, so that every route keeps to its proxy.
      const cluster = `name: "chaos", listen: "127.0.0.1:${ports[number]}", advertise: "127.0.0.1:${nowhere}"`;
      const config = `cluster { ${cluster}, no_advertise: true, routes: [${routes.join(", ")}] }`;
      return startNatsServer({ version, name: `n${number}`, config });
    }),
  );
  await awaitReplicas(servers[0]?.url ?? "", 3);
  const pick = (random: number): number => Math.floor(random * servers.length);
  return {
    urls: servers.map(({ url }) => url),
    replicas: 3,
    faults: ["kill", "freeze", "isolate"],
    async inflict(fault, milliseconds, random) {
      const victim = pick(random);
      if (fault !== "isolate") return inflict(servers[victim] as NatsServer, fault, milliseconds, pause);
      const around = pairs.filter((pair) => pair.includes(victim)).map((pair) => ways.get(pair.join("-")) as TcpProxy);
      await Promise.all(around.map((way) => way.refuse()));
      await pause(milliseconds);
      await Promise.all(around.map((way) => way.heal()));
    },
    deleteStream: (name) => deleteStream(servers[0]?.url ?? "", name),
    restart: () => (servers[0] as NatsServer).restart(),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all([...ways.values()].map((way) => way.close()));
    },
  };
}
