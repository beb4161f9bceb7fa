import { test } from "uvu";
import * as assert from "uvu/assert";
import { sequence } from "../../src/tasks/sequence";

test("no tasks resolve", async () => {
  await sequence()();
});

test("tasks run in order, each after the one before has ended, with the same context", async () => {
  const seen: string[] = [];
  const slow = async ({ name }: { name: string }) => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push("ends");
  };
  await sequence(slow, () => seen.push("second"), slow)({ name: "nightly" });
  assert.equal(seen, ["nightly begins", "ends", "second", "nightly begins", "ends"]);
});

test("the first error ends it and is thrown as it is, also when it is thrown synchronously", async () => {
  const boom = new Error("boom");
  let ran = false;
  const failed = sequence(
    () => {
      throw boom;
    },
    () => (ran = true),
  )().then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.is(await failed, boom);
  assert.not.ok(ran);
});

test("nothing is started once the signal is aborted", async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  await sequence(
    () => seen.push(1),
    () => controller.abort(),
    () => seen.push(2),
  )({ signal: controller.signal });
  await sequence(() => seen.push(3))({ signal: controller.signal });
  assert.equal(seen, [1]);
});

test("something that is no function is refused with its place", () => {
  assert.throws(() => sequence(() => 1, "two" as never), /^sequence: task 2: expected a function; got "two"/);
});

test("it is named after its parts", () => {
  const poll = () => undefined;
  assert.is(sequence(poll, () => undefined).name, "sequence(poll, task 2)");
});

test.run();
