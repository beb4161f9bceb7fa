import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { createRuntime, interval, natsStore } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { natsVersions, startNatsServer } from "../helpers/nats-server";

for (const version of natsVersions) {
  test(`${version}: fencing tokens grow although the stream is removed and made anew under running nodes`, async () => {
    const server = await startNatsServer({ version });
    const tokens: number[] = [];
    const waiting: (() => void)[] = [];
    const begin = (token: number): void => {
      tokens.push(token);
      for (const wake of waiting.splice(0)) wake();
    };
    const more = async (count: number) => {
      const goal = tokens.length + count;
      while (tokens.length < goal) await new Promise<void>((resolve) => waiting.push(resolve));
    };
    const runtimes = ["a", "b"].map((nodeId) =>
      createRuntime({
        nodeId,
        store: natsStore({ servers: server.url }),
        lease: "1s",
        logger: pino({ level: "silent" }),
      }),
    );
    for (const runtime of runtimes) {
      runtime.spawn({
        name: "t",
        schedule: interval(100),
        run: async ({ fencingToken }) => {
          begin(fencingToken);
          await sleep(30);
        },
      });
      await runtime.start();
    }
    // Two seconds: when a stream was created is told in whole ones.
    await more(20);
    const connection = await connect({ servers: server.url });
    await connection.request("$JS.API.STREAM.DELETE.KV_ostinato_leases");
    const before = tokens.length;
    await more(6);
    const locks = await Promise.all(runtimes.map((runtime) => runtime.locks.tryLock("l")));
    assert.is(locks.filter(Boolean).length, 1);
    await Promise.all(runtimes.map((runtime) => runtime.stop()));
    await connection.close();
    await server.stop();
    assert.equal(
      tokens,
      [...new Set(tokens)].sort((one, other) => one - other),
    );
    assert.ok((tokens[before + 2] ?? 0) - (tokens[before - 1] ?? 0) > 2 ** 19, "the epoch of the new stream counts");
  });
}

test.run();
