import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseRetry } from "../../src/rules/backoff";
import { afterRun } from "../../src/rules/completion";
import type { QueueRecord } from "../../src/rules/queue-record";
import {
  groupSize,
  isSuspect,
  judge,
  nextGroup,
  outlasting,
  patienceFor,
  type Evidence,
} from "../../src/rules/suspects";
import type { Suspect } from "../../src/rules/attempts";
import { seededRandom } from "../../src/identity";

const fresh: QueueRecord = { v: 1, id: "task", payload: null, due: 0, attempt: 0 };
const run = { id: "run", owner: 1, node: "node", by: "dead", at: 5 };
const evidence = (limit: number, isAlive: Evidence["isAlive"] = () => false): Evidence => ({
  ...{ self: "self", now: 100, limit, isAlive },
});

test("a claim left behind makes a suspect, that of the process itself, or one that was given up, does not", () => {
  assert.is(isSuspect(fresh, "self"), false);
  assert.is(isSuspect({ ...fresh, run }, "self"), true);
  assert.is(isSuspect({ ...fresh, run: { ...run, by: "self" } }, "self"), false);
  assert.is(isSuspect({ ...fresh, run: { ...run, left: true } }, "self"), false);
  assert.is(isSuspect({ ...fresh, suspect: {} }, "self"), true);
});

test("a crash among others counts for nothing, and tells how small the group was", () => {
  const among = judge({ ...fresh, attempt: 1, run }, evidence(0));
  assert.is(among.is, "suspect");
  if (among.is !== "suspect") return;
  assert.equal([among.crashedAlone, among.record.suspect, among.record.run], [false, {}, undefined]);
  const { joint, alone, runs } = among.record.past!;
  assert.equal([joint, alone, runs[0]?.outcome, runs[0]?.endedAt], [1, 0, "crashed", 100]);
  const grouped = judge({ ...fresh, attempt: 1, suspect: { size: 40 }, run: { ...run, group: 7 } }, evidence(0));
  assert.equal(grouped.is === "suspect" && grouped.record.suspect, { size: 7 });
});

test("who crashed alone is a culprit once its attempts are used up", () => {
  const alone = { ...fresh, attempt: 2, run: { ...run, group: 1 } };
  assert.is(judge(alone, evidence(1)).is, "culprit");
  const again = judge(alone, evidence(2));
  assert.equal(again.is === "suspect" && again.crashedAlone, true);
});

test("a process that stopped in good order, or is alive, has not crashed", () => {
  const alone = { ...fresh, attempt: 9, run: { ...run, group: 1 } };
  assert.is(judge({ ...alone, run: { ...alone.run, left: true } }, evidence(0)).is, "free");
  assert.is(
    judge(
      alone,
      evidence(0, () => true),
    ).is,
    "free",
  );
  assert.is(
    judge(
      alone,
      evidence(0, () => undefined),
    ).is,
    "unclear",
  );
  const earlier = judge({ ...alone, run: { ...run, by: "awake", group: 1 } }, evidence(10));
  assert.is(earlier.is, "suspect");
  if (earlier.is !== "suspect") return;
  const later = judge(
    { ...earlier.record, attempt: 10, run: { ...run, group: 1 } },
    evidence(9, (by) => by === "awake"),
  );
  assert.is(later.is, "suspect", "the one that woke up is not counted any more");
  assert.equal(later.is === "suspect" && later.record.past?.excused, 1);
});

test("a group has its process to itself for a lease, and four times as long each time that it outlasts that", () => {
  assert.is(patienceFor([{}], 10_000), 10_000);
  assert.is(patienceFor([{ outlasted: 2 }, {}], 10_000), 160_000);
  assert.is(patienceFor([{ outlasted: 50 }], 10_000), 3_600_000);
  const next = outlasting({ ...fresh, attempt: 1, run: { ...run, group: 1 } });
  assert.equal([next.suspect, next.run?.group], [{ outlasted: 1 }, 0]);
  assert.is(judge(next, evidence(0)).is, "suspect", "a crash after that proves nothing");
});

test("groups are as large as the square root, and their members run singly", () => {
  assert.equal(
    [1, 3, 4, 21, 100].map((waiting) => groupSize({}, waiting)),
    [1, 1, 2, 5, 10],
  );
  assert.equal(
    [1, 10, 11, 100].map((size) => groupSize({ size }, 500)),
    [1, 1, 4, 10],
  );
  const waiting: Suspect[] = [{}, { size: 1, outlasted: 1 }, { size: 5 }, {}];
  assert.equal(nextGroup(waiting, 100), [{ size: 5 }], "the most suspicious first, what hangs last");
});

interface Simulated {
  readonly id: number;
  /** Steps until it kills its process. */
  readonly kills: number | undefined;
  /** Steps until it ends by itself; it fails the first so many times. */
  readonly lasts: number;
  readonly fails: number;
}

interface Flight {
  readonly task: Simulated;
  left: number;
  kills: number;
}

interface Process {
  readonly name: string;
  readonly flights: Flight[];
  /** Of the group that has it to itself. */
  trial: Set<number> | undefined;
}

/** Processes that run what is due, and die of what they run, also while they are claiming; only the records outlive them. */
function simulate(seed: number): { crashes: number; bound: number } {
  const random = seededRandom(seed);
  const pick = (most: number): number => Math.floor(random() * most);
  const limit = pick(4);
  const retry = parseRetry("retry", { initialDelay: 0, limit });
  const count = 1 + pick(60);
  const poisons = Math.min(count, pick(5));
  const tasks = Array.from({ length: count }, (_, id): Simulated => {
    const kills = id < poisons ? 1 + pick(6) : undefined;
    return {
      id,
      kills,
      lasts: 1 + pick(5),
      fails: kills === undefined && pick(8) === 0 ? Math.min(limit, pick(3)) : 0,
    };
  });
  const records = new Map(tasks.map(({ id }) => [id, { ...fresh, id: String(id) }]));
  const failed = new Map<number, number>();
  const letters = new Map<number, string>();
  const done = new Set<number>();
  const processes: Process[] = [];
  const concurrency = 1 + pick(100);
  let crashes = 0;
  let step = 0;
  const isAlive = (by: string): boolean => processes.some(({ name }) => name === by);

  const write = (id: number, next: QueueRecord | undefined): void => {
    if (next === undefined) records.delete(id);
    else records.set(id, next);
  };
  const isFlying = (id: number): boolean => processes.some(({ flights }) => flights.some(({ task }) => task.id === id));
  const begin = (process: Process, id: number, record: QueueRecord, group: number | undefined): void => {
    const claimed: QueueRecord = { ...record, attempt: record.attempt + 1 };
    claimed.run = { ...run, by: process.name, at: step, ...(group === undefined ? {} : { group }) };
    delete claimed.retryAt;
    write(id, claimed);
    const task = tasks[id]!;
    process.flights.push({ task, left: task.lasts, kills: task.kills ?? Infinity });
  };
  /** The partition of an id has one owner at a time. */
  const ownerOf = (id: number): Process => processes[id % processes.length]!;

  /** Whether the process lives on. */
  const give = (process: Process): boolean => {
    if (process.trial !== undefined && process.flights.length > 0) return true;
    process.trial = undefined;
    const mine = [...records].filter(([id]) => !isFlying(id) && ownerOf(id) === process);
    const suspects: (Suspect & { id: number })[] = [];
    for (const [id, record] of mine) {
      const verdict = judge(record, { self: process.name, now: step, limit, isAlive });
      if (verdict.is === "culprit") {
        assert.ok(verdict.record.past!.runs.some(({ group }) => group === 1));
        letters.set(id, "crashed");
        write(id, undefined);
      } else if (verdict.is === "suspect") {
        // Written with the claim only, unless it crashed alone.
        if (verdict.crashedAlone) write(id, verdict.record);
        suspects.push({ id, ...verdict.record.suspect });
      }
    }
    if (suspects.length > 0) {
      if (process.flights.length > 0) return true;
      const group = nextGroup(suspects, concurrency);
      process.trial = new Set(group.map(({ id }) => id));
      for (const { id } of group) {
        const verdict = judge(records.get(id)!, { self: process.name, now: step, limit, isAlive });
        if (verdict.is === "suspect") begin(process, id, verdict.record, group.length);
        // Killed by one that has begun, while others are still to be claimed.
        if (tasks[id]!.kills !== undefined && pick(3) === 0) return false;
      }
      return true;
    }
    for (const [id, record] of mine) {
      if (process.flights.length < concurrency && !isSuspect(record, process.name))
        begin(process, id, record, undefined);
    }
    return true;
  };

  const fly = (process: Process): boolean => {
    for (const flight of [...process.flights]) {
      flight.left -= 1;
      flight.kills -= 1;
      if (flight.kills <= 0) return false;
      if (flight.left > 0 || flight.task.kills !== undefined) continue;
      process.flights.splice(process.flights.indexOf(flight), 1);
      const { id, fails } = flight.task;
      const times = failed.get(id) ?? 0;
      const isFailure = times < fails;
      if (isFailure) failed.set(id, times + 1);
      else done.add(id);
      const place = { startedAt: step, now: step, node: "node" };
      const outcome = isFailure ? "failed" : "succeeded";
      const ended = afterRun(records.get(id)!, { outcome }, place, { retry, misfire: "once", random: 0.5 });
      if (ended.givenUp !== undefined) letters.set(id, ended.givenUp);
      write(id, ended.record);
    }
    return true;
  };

  while (records.size > 0) {
    step += 1;
    assert.ok(step < 20_000, `seed ${String(seed)} does not end`);
    while (processes.length < 1 + (seed % 3)) {
      processes.push({ name: `${String(step)}-${String(processes.length)}`, flights: [], trial: undefined });
    }
    for (const process of [...processes]) {
      if (give(process) && fly(process)) continue;
      processes.splice(processes.indexOf(process), 1);
      crashes += 1;
    }
  }
  const culprits = [...letters].filter(([id]) => tasks[id]!.kills !== undefined);
  assert.is(letters.size, culprits.length, `seed ${String(seed)}: an innocent task went to the dead letters`);
  assert.is(culprits.length, poisons, `seed ${String(seed)}: a culprit was not found`);
  assert.ok(tasks.every(({ id, kills }) => kills !== undefined || done.has(id)));
  return { crashes, bound: poisons * (limit + 1 + 3) };
}

test("innocent tasks all end well, and each culprit is found within limit + 4 crashes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const { crashes, bound } = simulate(seed);
      assert.ok(crashes <= bound, `${String(crashes)} crashes, at most ${String(bound)} expected`);
    }),
    { numRuns: 3_000 },
  );
});

test.run();
