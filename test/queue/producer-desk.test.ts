import { test } from "uvu";
import * as assert from "uvu/assert";
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

test.run();
