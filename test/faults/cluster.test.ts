// time limit: 240 s
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { natsStore } from "ostinato";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startGuard, type Guard } from "../helpers/guard";
import { startNatsServer, type NatsServer } from "../helpers/nats-server";
import { startNode, type NodeProcess, type NodeSetup } from "../helpers/node-process";
import { freePort } from "../helpers/ports";

/*
 * Real processes on a real server: what happens to a 1 s task on a 3 s lease when its holder is killed or frozen, its
 * server dies, or a clock is an hour wrong. The scenarios have a server each and go on side by side.
 */
const lease = 3_000;
const cycle = 1_000;
const job = { name: "job", every: "1s", workMs: 600 };

interface Scene {
  readonly server: NatsServer;
  readonly guard: Guard;
  readonly nodes: NodeProcess[];
}

interface SceneOptions {
  readonly clocks: readonly (string | undefined)[];
  readonly tasks: NodeSetup["tasks"];
  readonly config?: string;
}

async function inScene<T>(options: SceneOptions, play: (scene: Scene) => Promise<T>): Promise<T> {
  const [server, guard] = await Promise.all([
    startNatsServer(options.config === undefined ? {} : { config: options.config }),
    startGuard(),
  ]);
  const { tasks } = options;
  const nodes = await Promise.all(
    options.clocks.map((clock, index) => {
      const nodeId = `${"abcdefg"[index] ?? ""}${clock ?? ""}`;
      return startNode({ nodeId, servers: [server.url], namespace: "c", lease: "3s", guard: guard.port, tasks }, clock);
    }),
  );
  try {
    return await play({ server, guard, nodes });
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await guard.close();
    await server.stop();
  }
}

/** Resolves to the node that has just begun a run of the task. */
async function nextHolder({ guard, nodes }: Scene, task: string): Promise<NodeProcess> {
  const runs = () => guard.begun.filter((run) => run.task === task);
  const before = runs().length;
  await guard.until(`a run of ${task}`, () => runs().length > before);
  return nodes.find((node) => node.id === runs().at(-1)?.node)!;
}

async function runs(guard: Guard, count: number): Promise<void> {
  const before = guard.begun.length;
  await guard.until(`${String(count)} more runs`, () => guard.begun.length >= before + count);
}

function assertCalm(nodes: readonly NodeProcess[], killed?: NodeProcess): void {
  for (const node of nodes) {
    assert.is(node.ended, node === killed, `${node.id}: ${node.output().slice(-2_000)}`);
    assert.equal(
      node.told.filter(({ type }) => type === "unhandledRejection" || type === "gaveUp"),
      [],
    );
  }
}

async function killFreezeAndOutage() {
  return inScene({ clocks: Array.from({ length: 5 }), tasks: [job] }, async (scene) => {
    const { server, guard, nodes } = scene;
    await runs(guard, 3);

    const killed = await nextHolder(scene, "job");
    killed.signal("SIGKILL");
    const killedAt = guard.now();
    const before = guard.begun.length;
    await guard.until("a takeover", () => guard.begun.length > before);
    const takenOver = guard.begun[before]!;
    const takeover = { ms: takenOver.at - killedAt, by: takenOver.node, from: killed.id };
    await runs(guard, 2);

    const frozen = await nextHolder(scene, "job");
    frozen.signal("SIGSTOP");
    guard.excuse(frozen.id);
    const zombie = guard.begun.at(-1)!;
    await sleep(10_000);
    const meanwhile = guard.begun.filter((run) => run.token > zombie.token).length;
    const refusedBefore = guard.refused.length;
    frozen.signal("SIGCONT");
    await guard.until("a refused write", () => guard.refused.length > refusedBefore);
    const start = frozen.told.find(({ type, fencingToken }) => type === "start" && fencingToken === zombie.token)!;
    const end = await frozen.until(
      ({ type, runId }) => type !== "start" && type !== "progress" && runId === start.runId,
    );
    const store = natsStore({ servers: server.url, namespace: "c" });
    const record = (await store.map("leases").get("task.job"))?.value ?? "";
    await store.close();
    await runs(guard, 3);
    const freeze = { meanwhile, refused: guard.refused.slice(refusedBefore), end, start, record, zombie };

    await server.kill();
    await sleep(10_000);
    const duringOutage = guard.begun.length;
    await server.restart();
    await guard.until("runs after the outage", () => guard.begun.length >= duringOutage + 4);
    assertCalm(nodes, killed);
    const told = nodes.filter((node) => node !== killed).map((node) => node.told.map(({ type }) => type));
    return { takeover, freeze, told, overlaps: guard.overlaps };
  });
}

async function wrongClocks() {
  return inScene({ clocks: [undefined, "+1h", "-1h"], tasks: [job] }, async ({ guard, nodes }) => {
    await runs(guard, 8);
    const fast = nodes[1]!;
    fast.signal("SIGKILL");
    await runs(guard, 4);
    assertCalm(nodes, fast);
    const who = new Set(guard.begun.map(({ node }) => node));
    const walls = nodes.map(({ told }) => told.find(({ type }) => type === "started")?.wall ?? 0);
    return { overlaps: guard.overlaps, who, walls };
  });
}

async function countMessages() {
  const monitor = await freePort();
  const tasks = [
    { name: "idle", every: "1d", workMs: 100 },
    { name: "long", every: "1d", workMs: 11_000 },
  ];
  const config = `http: "127.0.0.1:${String(monitor)}"`;
  return inScene({ clocks: Array.from({ length: 3 }), tasks, config }, async (scene) => {
    const { server, guard, nodes } = scene;
    const connection = await connect({ servers: server.url, name: "witness" });
    const published: string[] = [];
    connection.subscribe("$KV.>", { callback: (_error, message) => published.push(message.subject) });
    await connection.flush();
    /** Messages that each node has sent since it connected, those about its own presence left out. */
    const sent = async (): Promise<Record<string, number>> => {
      const answer = await fetch(`http://127.0.0.1:${String(monitor)}/connz`);
      const { connections } = (await answer.json()) as { connections: { name: string; in_msgs: number }[] };
      await connection.flush();
      return Object.fromEntries(
        connections.flatMap(({ name, in_msgs }) => {
          const presence = published.filter((subject) => subject === `$KV.c_nodes.node.${name}`).length;
          return name === "witness" ? [] : [[name, in_msgs - presence]];
        }),
      );
    };
    const over = async (ms: number) => {
      const [before, since] = [await sent(), published.length];
      await sleep(ms);
      const after = await sent();
      return {
        sent: Object.fromEntries(nodes.map(({ id }) => [id, (after[id] ?? 0) - (before[id] ?? 0)])),
        subjects: published.slice(since).filter((subject) => !subject.startsWith("$KV.c_nodes.")),
      };
    };
    /** All have told that they live: what a start takes has been sent. */
    const joined = async (): Promise<boolean> => {
      const answer = await connection.request("$JS.API.STREAM.INFO.KV_c_nodes");
      return answer.json<{ state?: { messages: number } }>().state?.messages === nodes.length;
    };
    while (!(await joined())) await sleep(50);
    if (guard.open("long").length === 0) await guard.until("the long run", () => guard.open("long").length > 0);
    await Promise.race(nodes.map((node) => node.until(({ type, task }) => type === "finished" && task === "idle")));
    const holder = guard.open("long")[0]!.node;
    await sleep(500);
    const running = await over(6_000);
    await Promise.race(nodes.map((node) => node.until(({ type, task }) => type === "finished" && task === "long")));
    await sleep(200);
    const idle = await over(5_000);
    await connection.close();
    return { holder, running, idle };
  });
}

const scenarios = [killFreezeAndOutage(), wrongClocks(), countMessages()] as const;
for (const scenario of scenarios) scenario.catch(() => undefined);

test("a holder that was killed is followed by another node within the lease and one cycle", async () => {
  const { takeover } = await scenarios[0];
  console.log(`  taken over from ${takeover.from} by ${takeover.by} after ${takeover.ms.toFixed(0)} ms`);
  assert.is.not(takeover.by, takeover.from);
  assert.ok(takeover.ms <= lease + cycle, `${String(takeover.ms)} ms`);
});

test("a holder that was frozen for ten seconds aborts, its result is not stored, its writes bear a lower token", async () => {
  const { freeze } = await scenarios[0];
  assert.ok(freeze.meanwhile >= 4, `${String(freeze.meanwhile)} runs meanwhile`);
  assert.is(freeze.end.type, "aborted");
  assert.is(freeze.end.outcome, "leaseLost");
  assert.ok(freeze.refused.length > 0);
  for (const write of freeze.refused) {
    assert.is(write.node, freeze.zombie.node);
    assert.is(write.token, freeze.zombie.token);
  }
  assert.ok(freeze.record !== "" && !freeze.record.includes(freeze.start.runId ?? ""), freeze.record);
});

test("a server that was dead for ten seconds ends no process, and runs go on by themselves", async () => {
  const { told } = await scenarios[0];
  for (const types of told) {
    for (const type of ["offline", "online"]) {
      assert.ok(types.includes(type), `${type} was not told: ${types.join(" ")}`);
    }
  }
});

test("through all that, never were two runs open at once", async () => {
  const { overlaps } = await scenarios[0];
  assert.equal(overlaps, []);
});

test("N20 with one clock an hour fast and one an hour slow there are never two runs at once, and runs go on", async () => {
  const { overlaps, who, walls } = await scenarios[1];
  const [right = 0, fast = 0, slow = 0] = walls;
  assert.ok(Math.abs(fast - right - 3_600_000) < 60_000 && Math.abs(right - slow - 3_600_000) < 60_000, String(walls));
  console.log(`  run by ${[...who].join(", ")}`);
  assert.equal(overlaps, []);
});

test("an exclusive task that is idle writes nothing, and nobody sends anything for it", async () => {
  const { idle } = await scenarios[2];
  assert.equal(idle.subjects, []);
  assert.equal(idle.sent, { a: 0, b: 0, c: 0 });
});

test("one that runs writes at most once per third of its lease, and the others send nothing", async () => {
  const { running, holder } = await scenarios[2];
  const most = 6_000 / (lease / 3);
  assert.ok(running.subjects.length >= most - 2, `${String(running.subjects.length)} renewals in 6 s`);
  assert.ok(running.subjects.length <= most, `${String(running.subjects.length)} renewals in 6 s`);
  assert.equal(new Set(running.subjects), new Set(["$KV.c_leases.task.long"]));
  for (const [id, count] of Object.entries(running.sent)) {
    // What was sent and what was stored are counted a moment apart, and one renewal may fall in between.
    if (id === holder) assert.ok(Math.abs(count - running.subjects.length) <= 1, `${id} sent ${String(count)}`);
    else assert.is(count, 0, id);
  }
});

test.run();
