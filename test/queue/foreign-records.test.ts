import { createRuntime, memoryStore, type OstinatoError } from "ostinato";
import pino from "pino";
import { test } from "uvu";
import * as assert from "uvu/assert";

const hostile = [
  "",
  "null",
  "[]",
  "1",
  "{",
  '{"v":1}',
  '{"v":"1"}',
  '{"holder":5}',
  '{"holder":"a","about":null}',
  '{"v":1,"partitions":0,"bucket":1,"stores":1,"index":0}',
];

test("X4 records of others in the place of a queue's own are refused with a code, or left alone", async () => {
  for (const value of hostile) {
    const store = memoryStore();
    const runtime = createRuntime({ store, logger: pino({ level: "silent" }) });
    await store.open();
    await store.map("leases").create("queue.polls.config", value);
    const error = await runtime.queue({ name: "polls" }).catch((thrown: unknown) => thrown as OstinatoError);
    assert.is((error as OstinatoError).code, "ERR_QUEUE_MISMATCH", value);
    await store.open();
    for (const key of ["queue.fine.node.x", "queue.fine.intake-problem", "queue.fine.p.0"])
      await store.map("leases").create(key, value);
    for (const key of ["intake.accepted", "intake.removals", "0.x"]) await store.map("tasks-fine").create(key, value);
    await store.map("dead-fine").create("x", value);
    const queue = await runtime.queue({ name: "fine", partitions: 1 });
    assert.equal(queue.workers(), []);
    assert.is(queue.intakeProblem(), undefined);
    assert.is(await queue.assign({ id: "a", payload: 1 }), "created");
    assert.is(await queue.size(), 1);
    for await (const letter of queue.deadLetters()) assert.unreachable(JSON.stringify(letter));
    assert.is(await queue.clear(), 1);
    await runtime.stop();
  }
});

test.run();
