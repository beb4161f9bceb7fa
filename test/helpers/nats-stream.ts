import { inspect } from "node:util";
import { connect, type NatsConnection } from "nats";

interface StreamInfo {
  cluster?: { leader?: string; replicas?: { current: boolean; offline?: boolean }[] };
}

const patience = 60_000;

/** Resolves to the leader's name when the stream of three replicas has one, and two followers that are up to date. */
export async function healthyStream(connection: NatsConnection, stream: string): Promise<string> {
  const deadline = performance.now() + patience;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await connection.request(`$JS.API.STREAM.INFO.${stream}`, undefined, { timeout: 2_000 });
      const { leader, replicas = [] } = (last = answer.json<StreamInfo>().cluster ?? {});
      const areCurrent = replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
      if (leader && areCurrent) return leader;
    } catch (error) {
      // Nobody leads at the moment.
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${stream} is not healthy after ${String(patience)} ms: ${inspect(last)}`);
}

/** Resolves when the servers of a cluster can keep a stream in so many replicas. */
export async function awaitReplicas(url: string, replicas: number): Promise<void> {
  const connection = await connect({ servers: url });
  const deadline = performance.now() + patience;
  const name = "replicas";
  try {
    for (;;) {
      const made = await connection
        .request(`$JS.API.STREAM.CREATE.${name}`, JSON.stringify({ name, num_replicas: replicas }), { timeout: 5_000 })
        .then((answer) => answer.json<{ error?: unknown }>())
        .catch((error: unknown) => ({ error }));
      if (!made.error) break;
      if (performance.now() > deadline) throw new Error(`no ${String(replicas)} replicas: ${inspect(made.error)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await connection.request(`$JS.API.STREAM.DELETE.${name}`, undefined, { timeout: 5_000 });
  } finally {
    await connection.close();
  }
}
