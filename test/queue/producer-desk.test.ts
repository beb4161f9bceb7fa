import { test } from "uvu";
import * as assert from "uvu/assert";
import { OstinatoError } from "../../src/errors";
import { ProducerDesk, type ProducerDeskOptions } from "../../src/queue/producer-desk";
import type { IntakeMessage } from "../../src/store";

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
};

const unexpected = (): Promise<never> => Promise.reject(new Error("not expected"));

/** A desk over a store that answers after so many turns of the microtask queue, and what the store was told is done. */
function deskOver(assign: (id: string) => Promise<void>) {
  const done: number[] = [];
  const desk = new ProducerDesk({
    intake: { epoch: 1, done: async (sequence: number) => void done.push(sequence) } as ProducerDeskOptions["intake"],
    tasks: {
      assign: ({ id }) => assign(id).then(() => "created" as const),
      ...{ remove: unexpected, removals: unexpected, isAsAccepted: unexpected },
    },
    mayGoOn: () => true,
    refuse: unexpected,
    pause: unexpected,
  });
  const take = (sequence: number): void => {
    const body = Buffer.from(JSON.stringify({ id: String(sequence), payload: null }));
    const message: IntakeMessage = { kind: "assign", body, sequence, answer: () => undefined };
    desk.take(message);
  };
  return { desk, done, take };
}

test("the store is told of the last message, at whichever moment it is done", async () => {
  for (let later = 0; later < 40; later += 1) {
    const { desk, done, take } = deskOver((id) => turns(id === "2" ? later : 0));
    take(1);
    take(2);
    await desk.end();
    await turns(40);
    assert.is(done.at(-1), 2, `${String(later)} turns after the first`);
  }
});

test("of messages that are done in another order, those are told that leave no gap", async () => {
  const ends = new Map<string, () => void>();
  const { desk, done, take } = deskOver((id) => new Promise((resolve) => ends.set(id, resolve)));
  for (const sequence of [1, 2, 3]) take(sequence);
  await turns(40);
  ends.get("3")?.();
  ends.get("1")?.();
  await turns(40);
  assert.equal(done, [1]);
  ends.get("2")?.();
  await desk.end();
  assert.equal(done, [1, 3]);
});

/** A desk with a clock of its own: pauses end when everything else has. */
function crowdedDesk(options: Partial<ProducerDeskOptions>) {
  const done: number[] = [];
  const answers = new Map<number, string>();
  const letters: { id: string | undefined; code?: string; isWhole: boolean }[] = [];
  const problems: [string, string | undefined][] = [];
  let paused = 0;
  const desk = new ProducerDesk({
    intake: { epoch: 1, done: async (sequence: number) => void done.push(sequence) } as ProducerDeskOptions["intake"],
    tasks: { assign: async () => "created", remove: unexpected, removals: unexpected, isAsAccepted: unexpected },
    mayGoOn: () => true,
    refuse: async ({ id, code, message }) =>
      void letters.push({ id, isWhole: message?.isWhole === true, ...(code === undefined ? {} : { code }) }),
    pause: async (milliseconds) => {
      paused += milliseconds;
      await turns(5);
    },
    onProblem: ({ message }, lost) => void problems.push([message, lost?.text]),
    ...options,
  });
  const take = (sequence: number, body = JSON.stringify({ id: String(sequence), payload: "x".repeat(5_000) })): void =>
    desk.take({
      ...{ kind: "assign", body: Buffer.from(body), sequence },
      answer: (text) => answers.set(sequence, text),
    });
  return { desk, done, answers, letters, problems, take, paused: () => paused };
}

const down = (): never => {
  throw new OstinatoError("ERR_STORE_UNAVAILABLE", "the store of this partition is down");
};

test("X4 tasks whose store is down wait while nobody waits behind them, and are whole dead letters before they hold up others", async () => {
  let isUp = false;
  const assign = async ({ id }: { id: string }) => (id === "1" && !isUp ? down() : ("created" as const));
  const tasks = { assign, remove: unexpected, removals: unexpected, isAsAccepted: unexpected };
  const few = crowdedDesk({ tasks });
  for (let sequence = 1; sequence <= 900; sequence += 1) few.take(sequence);
  while (few.paused() < 60_000) await turns(10);
  assert.equal(few.letters, []);
  isUp = true;
  await few.desk.end();
  assert.is(few.done.at(-1), 900);

  isUp = false;
  const many = crowdedDesk({ tasks });
  for (let sequence = 1; sequence <= 1_500; sequence += 1) many.take(sequence);
  await many.desk.end();
  assert.equal(many.letters, [{ id: "1", code: "ERR_STORE_UNAVAILABLE", isWhole: true }]);
  assert.is(many.problems[0]?.[0], "the store of this partition is down");
  assert.match(many.answers.get(1) ?? "", /ERR_STORE_UNAVAILABLE/);
  assert.is(many.done.at(-1), 1_500);
});

test("X4 an outage of everything makes no dead letters, however many wait", async () => {
  let isUp = false;
  const assign = async () => (isUp ? ("created" as const) : down());
  const crowd = crowdedDesk({
    intake: { epoch: 1, done: async () => (isUp ? undefined : down()) } as unknown as ProducerDeskOptions["intake"],
    tasks: { assign, remove: unexpected, removals: unexpected, isAsAccepted: unexpected },
  });
  for (let sequence = 1; sequence <= 1_500; sequence += 1) crowd.take(sequence);
  while (crowd.paused() < 60_000_000) await turns(10);
  isUp = true;
  await crowd.desk.end();
  assert.equal(crowd.letters, []);
  assert.is(crowd.answers.size, 1_500);
});

test("X4 a message about which the schema says nothing is a dead letter before it holds up others", async () => {
  const assign = ({ id }: { id: string }): Promise<"created"> =>
    id === "1" ? new Promise(() => undefined) : Promise.resolve("created");
  const crowd = crowdedDesk({ tasks: { assign, remove: unexpected, removals: unexpected, isAsAccepted: unexpected } });
  for (let sequence = 1; sequence <= 1_500; sequence += 1) crowd.take(sequence);
  await crowd.desk.end();
  assert.equal(crowd.letters, [{ id: "1", code: "ERR_INVALID_PAYLOAD", isWhole: false }]);
  assert.is(crowd.done.at(-1), 1_500);
});

test("X4 a refused message that cannot be kept is answered and reported, once it is clear that waiting is of no use", async () => {
  for (const code of ["ERR_STORE_PERMISSION", "ERR_STORE_SETTINGS", "ERR_STORE_FULL", "ERR_INVALID_PAYLOAD"] as const) {
    const refuse = () => Promise.reject(new OstinatoError(code, "no"));
    const { desk, take, problems, answers, done } = crowdedDesk({ refuse });
    take(1, "not json");
    take(2);
    await desk.end();
    assert.equal(problems, [["no", "not json"]]);
    assert.match(answers.get(1) ?? "", /ERR_INVALID_PAYLOAD/);
    assert.is(done.at(-1), 2);
  }
  let attempts = 0;
  const refuse = async () => ((attempts += 1) < 30 ? down() : undefined);
  const { desk, take, problems } = crowdedDesk({ refuse });
  take(1, "not json");
  await desk.end();
  assert.is(attempts, 30);
  assert.ok(problems.every(([, lost]) => lost === undefined));
});

test.run();
