// time limit: 240 s
import { connect, type NatsConnection } from "nats";
import {
  createRuntime,
  natsStore,
  type DeadLetter,
  type Queue,
  type QueueEvent,
  type QueueOptions,
  type Runtime,
} from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { permissionsOf, user } from "../helpers/guide-permissions";
import { natsVersions, startNatsServer, type NatsVersion } from "../helpers/nats-server";
import { warningsDuring } from "../helpers/warnings";

/** The guide's lines of a worker and those of a queue. */
function permissionsOfQueue(): string {
  const [, worker = ""] = /publish: \[([^\]]+)\]/.exec(permissionsOf("worker")) ?? [];
  return permissionsOf("queue").replace("# the lines of above, and", worker);
}

const soon = Date.parse("2999-01-01T00:00:00Z");

interface Place {
  readonly producer: NatsConnection;
  readonly admin: NatsConnection;
  /** A process with the guide's permissions, or with fewer. */
  open(name: string, options?: Partial<QueueOptions>): Promise<{ queue: Queue; runtime: Runtime; logged: string[] }>;
  ask(kind: string, body: unknown): Promise<Record<string, unknown>>;
}

/** A server with the guide's users; its streams were made by a process that opened the queue once, and did nothing. */
async function withPlace(version: NatsVersion, use: (place: Place) => Promise<void>): Promise<void> {
  const queue = permissionsOfQueue();
  const config = `authorization { users: [
    ${user("admin")}
    ${user("worker", queue)}
    ${user("unkept", queue.replace('"$KV.ostinato_dead-polls.>"', ""))}
    ${user("producer", permissionsOf("producer"))}
  ] }`;
  const server = await startNatsServer({ version, config });
  const runtimes: Runtime[] = [];
  const connections: NatsConnection[] = [];
  try {
    const login = async (name: string, inboxPrefix?: string): Promise<NatsConnection> => {
      const about = { servers: server.url, user: name, pass: `pw-${name}` };
      const connection = await connect({ ...about, ...(inboxPrefix === undefined ? {} : { inboxPrefix }) });
      connections.push(connection);
      return connection;
    };
    const open: Place["open"] = async (name, options = {}) => {
      const own = name === "admin" ? {} : { inboxPrefix: "_INBOX_worker" };
      const store = natsStore({ servers: server.url, user: name, pass: `pw-${name}`, ...own });
      const logged: string[] = [];
      const logger = pino({ level: "warn" }, { write: (line: string) => void logged.push(line) });
      const runtime = createRuntime({ store, logger });
      runtimes.push(runtime);
      await runtime.start();
      return { logged, runtime, queue: await runtime.queue({ name: "polls", partitions: 2, lease: "8s", ...options }) };
    };
    await (await open("admin")).runtime.stop();
    const producer = await login("producer", "_INBOX.producer");
    await use({
      producer,
      admin: await login("admin"),
      open,
      ask: async (kind, body) => {
        const text = typeof body === "string" ? body : JSON.stringify(body);
        const answer = await producer.request(`ostinato.polls.${kind}`, text, { timeout: 20_000 });
        return answer.json<Record<string, unknown>>();
      },
    });
  } finally {
    await Promise.all(runtimes.map((runtime) => runtime.stop()));
    await Promise.all(connections.map((connection) => connection.close()));
    await server.stop();
  }
}

async function letters(queue: Queue): Promise<DeadLetter[]> {
  const all: DeadLetter[] = [];
  for await (const letter of queue.deadLetters()) all.push(letter);
  return all;
}

for (const version of natsVersions) {
  test(`${version}: the guide's permissions suffice to refuse, to keep, to retry, to clear and to take over`, async () => {
    await withPlace(version, async ({ open, ask }) => {
      const said = await warningsDuring(async () => {
        let isGood = false;
        const schema = {
          "~standard": {
            ...{ version: 1 as const, vendor: "test" },
            validate: (value: unknown) => (isGood ? { value } : { issues: [{ message: "not yet" }] }),
          },
        };
        const first = await open("worker", { schema });
        assert.is((await ask("assign", "not json"))["code"], "ERR_INVALID_PAYLOAD");
        assert.is((await ask("assign", { id: "a", payload: 1, at: soon }))["code"], "ERR_INVALID_PAYLOAD");
        const second = await open("worker", { schema });
        await first.runtime.stop();
        isGood = true;
        assert.equal(await ask("assign", { id: "b", payload: 1, at: soon }), { ok: true, result: "created" });
        const kept = await letters(second.queue);
        assert.equal(kept.map(({ id }) => id).sort(), ["a", undefined]);
        for (const { key, id } of kept) {
          if (id === undefined) assert.ok(await second.queue.removeDeadLetter(key));
          else await second.queue.retryDeadLetter(key);
        }
        assert.equal(await letters(second.queue), []);
        assert.equal((await second.queue.get("a"))?.payload, 1);
        assert.is(await second.queue.clear(), 2);
        assert.is(second.queue.intakeProblem(), undefined);
      });
      assert.not.match(said, /permit/);
    });
  });

  test(`${version}: X4 a refused message that cannot be kept is answered, says why in log, event and status, and holds up nobody`, async () => {
    await withPlace(version, async ({ open, ask, producer }) => {
      const { queue, logged } = await open("unkept");
      const events: QueueEvent[] = [];
      queue.events.subscribe((event) => void (event.type === "intakeProblem" && events.push(event)));
      const answer = await ask("assign", "not json");
      assert.is(answer["code"], "ERR_INVALID_PAYLOAD");
      for (let n = 0; n < 2_500; n += 1) {
        producer.publish("ostinato.polls.assign", JSON.stringify({ id: `p${String(n)}`, payload: n, at: soon }));
      }
      assert.equal(await ask("assign", { id: "alive", payload: 1, at: soon }), { ok: true, result: "created" });
      while ((await queue.get("p2499")) === undefined);
      const [event] = events;
      assert.is(event?.type === "intakeProblem" && event.lost, "not json");
      const line = logged.find((text) => text.includes("cannot be kept as a dead letter"));
      assert.match(line ?? "", /"message":"not json"/);
      assert.match(line ?? "", /does not permit this user to publish to \\"\$KV\.ostinato_dead-polls\./);
      while (queue.intakeProblem() === undefined) await ask("remove", { id: "nobody" });
      const { lost, error } = queue.intakeProblem() ?? { lost: 0, error: "" };
      assert.is(lost, 1);
      assert.match(error, /dead-polls/);
    });
  });

  test(`${version}: X5 with the guide's permissions a producer overhears nothing, and has nothing sent but answers to inboxes`, async () => {
    await withPlace(version, async ({ open, ask, producer, admin }) => {
      const { queue } = await open("worker");
      await queue.assign({ id: "secret", payload: "HUNTER2", at: soon });
      const overheard: string[] = [];
      const refused = new Promise<void>((resolve) => {
        producer.subscribe("_INBOX.>", { callback: (error) => error && resolve() });
      });
      producer.subscribe("_INBOX.producer.tap.>", { callback: (_, { subject }) => overheard.push(subject) });
      await refused;
      const sent: string[] = [];
      const isOwn = (subject: string): boolean =>
        /^(\$JS|\$KV\.ostinato_(leases|nodes)|_INBOX|ostinato\.polls\.assign)/.test(subject);
      admin.subscribe(">", { callback: (_, { subject }) => void (isOwn(subject) || sent.push(subject)) });
      await admin.flush();
      const replies = [
        ...["other.service", "ostinato.other.assign", "ostinato.polls.remove", "ostinato.polls.assign"],
        ...["$KV.ostinato_tasks-polls.0.secret", "$JS.API.STREAM.PURGE.ostinato_polls_intake", "$SYS.REQ.SERVER.PING"],
        ...["_INBOX_worker.ostinato-x.1", "_INBOXES.x", "_INBOX.a..b", "_INBOX.*", "_INBOX.>", "_INBOX.", "_INBOX"],
        ...["_INBOX.ostinato-x.1", `_INBOX.${"x".repeat(2_000)}`, "_INBOX.é\u0007", "_inbox.x"],
      ];
      const said = await warningsDuring(async () => {
        for (const [n, reply] of replies.entries()) {
          for (const copy of [1, 2]) {
            const body = JSON.stringify({ id: `r${String(n)}-${String(copy)}`, payload: 1, at: soon });
            producer.publish("ostinato.polls.assign", body, { reply });
          }
        }
        assert.equal(await ask("assign", { id: "last", payload: 1, at: soon }), { ok: true, result: "created" });
        while ((await queue.get(`r${String(replies.length - 1)}-2`)) === undefined);
      });
      assert.is((await queue.get("secret"))?.payload, "HUNTER2");
      await admin.flush();
      const wrong = sent.filter(
        (subject) => !/^\$KV\.ostinato_tasks-polls\.\d\.(r[\d-]+|last)$/.test(subject) && !/\.intake\./.test(subject),
      );
      assert.equal([...new Set(wrong)], []);
      assert.equal(overheard, []);
      const kinds = said.match(/a producer asks for an answer on a subject that/g) ?? [];
      assert.is(kinds.length, 3, said);
    });
  });
}

test.run();
