import type { NatsConnection } from "nats";

interface StreamInfo {
  cluster?: { leader?: string; replicas?: { current: boolean; offline?: boolean }[] };
}

/** Resolves to the leader's name when the stream of three replicas has one, and two followers that are up to date. */
export async function healthyStream(connection: NatsConnection, stream: string): Promise<string> {
  for (;;) {
    try {
      const answer = await connection.request(`$JS.API.STREAM.INFO.${stream}`, undefined, { timeout: 2_000 });
      const { leader, replicas = [] } = answer.json<StreamInfo>().cluster ?? {};
      const areCurrent = replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline);
      if (leader && areCurrent) return leader;
    } catch {
      // Nobody leads at the moment.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
