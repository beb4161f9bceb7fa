import { connect } from "nats";
import { createRuntime, natsStore, type OstinatoError } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { permissionsOf, user } from "../helpers/guide-permissions";
import { natsVersions, startNatsServer } from "../helpers/nats-server";
import { warningsDuring } from "../helpers/warnings";

/** The permissions that the guide gives to who executes a queue: the lines of a worker, and its own. */
function permissionsOfQueue(): string {
  const [, worker = ""] = /publish: \[([^\]]+)\]/.exec(permissionsOf("worker")) ?? [];
  return permissionsOf("queue").replace("# the lines of above, and", worker);
}

for (const version of natsVersions) {
  test(`${version}: the guide's permissions of a queue and of a producer suffice; without one, that is told`, async () => {
    const queue = permissionsOfQueue();
    const without = (line: string) => queue.replace(line, "");
    const config = `authorization { users: [
      ${user("admin")}
      ${user("worker", queue)}
      ${user("producer", permissionsOf("producer"))}
      ${user("deaf", without(', "ostinato.polls.assign", "ostinato.polls.remove"'))}
      ${user("unfed", without('"$JS.API.CONSUMER.MSG.NEXT.ostinato_polls_intake.*"'))}
      ${user("blind", without('"$JS.API.CONSUMER.CREATE.ostinato_polls_intake.*"'))}
      ${user("quiet", queue.replace(/"[^"]*(_intake|polls\.(assign|remove))[^"]*",?/g, ""))}
      ${user("idle", without('"$KV.ostinato_tasks-polls.>"'))}
    ] }`;
    const server = await startNatsServer({ version, config });
    const { url } = server;
    try {
      const as = (name: string) => {
        const own = name === "admin" ? {} : { inboxPrefix: "_INBOX_worker" };
        const store = natsStore({ servers: url, user: name, pass: `pw-${name}`, ...own });
        return createRuntime({ store, logger: pino({ level: "silent" }) });
      };
      const options = { name: "polls", partitions: 2, lease: "1s" } as const;
      const admin = as("admin");
      await admin.start();
      const made = await admin.queue(options);
      await made.assign({ id: "made", payload: 0 });
      await admin.stop();

      const producer = await connect({
        ...{ servers: url, user: "producer", pass: "pw-producer" },
        inboxPrefix: "_INBOX.producer",
      });
      const ask = async (kind: string, body: object): Promise<Record<string, unknown>> => {
        const answer = await producer.request(`ostinato.polls.${kind}`, JSON.stringify(body), { timeout: 20_000 });
        return answer.json<Record<string, unknown>>();
      };
      const said = await warningsDuring(async () => {
        const runtime = as("worker");
        const told: string[] = [];
        runtime.events.subscribe(({ type }) => told.push(type));
        const ran = new Set<string>();
        let both = (): void => undefined;
        const bothRan = new Promise<void>((resolve) => (both = resolve));
        const polls = await runtime.queue({
          ...options,
          retry: { limit: 0 },
          run: (_payload, { name }) => {
            if (ran.add(name).size === 2) both();
            if (name === "made") throw new Error("it fails");
          },
        });
        const given = new Promise<void>((resolve) => {
          polls.events.subscribe(({ type }) => type === "deadLetter" && resolve());
        });
        await runtime.start();
        assert.equal(await ask("assign", { id: "asked", payload: 1 }), { ok: true, result: "created" });
        assert.equal(await ask("remove", { id: "other" }), { ok: true, result: "absent" });
        assert.is((await ask("assign", { id: "", payload: 1 }))["code"], "ERR_INVALID_ID");
        await Promise.all([bothRan, given]);
        const reasons: string[] = [];
        for await (const { key, reason } of polls.deadLetters()) {
          reasons.push(reason);
          await polls.removeDeadLetter(key);
        }
        assert.equal(reasons.sort(), ["failed", "refused"]);
        assert.is(await polls.clear(), 0);
        await runtime.stop();
        assert.equal(
          told.filter((type) => type === "warning" || type === "offline"),
          [],
        );
      });
      assert.not.match(said, /permit/);

      const idle = as("idle");
      const error = await idle.queue(options).then((polls) =>
        polls.assign({ id: "1", payload: 1 }).then(
          () => undefined,
          (thrown: unknown) => thrown as OstinatoError,
        ),
      );
      assert.ok(error);
      if (error === undefined) return;
      assert.is(error.code, "ERR_STORE_PERMISSION");
      assert.match(error.message, /publish to "\$KV\.ostinato_tasks-polls\./);
      await idle.stop();
      for (const [name, subject] of [
        ["deaf", /subscribe to "ostinato\.polls\.assign"/],
        ["unfed", /publish to "\$JS\.API\.CONSUMER\.MSG\.NEXT\.ostinato_polls_intake\./],
        ["blind", /publish to "\$JS\.API\.CONSUMER\.CREATE\.ostinato_polls_intake\./],
      ] as const) {
        const told = await warningsDuring(async () => {
          const runtime = as(name);
          const warned = new Promise<void>((resolve) => {
            const look = ({ message }: Error): void => {
              if (!subject.test(message)) return;
              process.off("warning", look);
              resolve();
            };
            process.on("warning", look);
          });
          const polls = await runtime.queue(options);
          await warned;
          if (name === "deaf") {
            producer.publish("ostinato.polls.assign", '{"id":"published","payload":1}');
            while ((await polls.get("published")) === undefined);
          }
          await runtime.stop();
        });
        assert.match(told, subject);
      }
      const told = await warningsDuring(async () => {
        const runtime = as("quiet");
        const polls = await runtime.queue({ ...options, intake: false });
        assert.ok(await polls.remove("published"));
        await runtime.stop();
      });
      assert.is(told, "");
      await producer.close();
    } finally {
      await server.stop();
    }
  });
}

test.run();
