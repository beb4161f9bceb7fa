import { inspect } from "node:util";
import { connect, type NatsConnection } from "nats";

interface StreamInfo {
  cluster?: { leader?: string; replicas?: { current: boolean; offline?: boolean }[] };
}

/** Looks until a look finds something. What is in the way of that is an error after a minute. */
async function found<T>(what: string, look: () => Promise<{ is?: T | undefined; instead: unknown }>): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { is, instead } = await look().catch((error: unknown) => ({ is: undefined, instead: error }));
    if (is !== undefined) return is;
    if (performance.now() > deadline) throw new Error(`no ${what} for a minute: ${inspect(instead)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Resolves to the leader's name when the stream of three replicas has one, and two followers that are up to date. */
export function healthyStream(connection: NatsConnection, stream: string): Promise<string> {
  return found(`leader with two followers of ${stream}`, async () => {
    const answer = await connection.request(`$JS.API.STREAM.INFO.${stream}`, undefined, { timeout: 2_000 });
    const cluster = answer.json<StreamInfo>().cluster ?? {};
    const { leader, replicas = [] } = cluster;
    const areCurrent = replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
    return { is: areCurrent && leader ? leader : undefined, instead: cluster };
  });
}

/** Resolves when the servers of a cluster can keep a stream in so many replicas. */
export async function awaitReplicas(url: string, replicas: number): Promise<void> {
  const connection = await connect({ servers: url });
  const settings = JSON.stringify({ name: "replicas", num_replicas: replicas });
  try {
    await found(`stream in ${String(replicas)} replicas`, async () => {
      const answer = await connection.request("$JS.API.STREAM.CREATE.replicas", settings, { timeout: 5_000 });
      const { error } = answer.json<{ error?: unknown }>();
      return { is: error ? undefined : true, instead: error };
    });
    await connection.request("$JS.API.STREAM.DELETE.replicas", undefined, { timeout: 5_000 });
  } finally {
    await connection.close();
  }
}
