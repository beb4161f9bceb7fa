import { test } from "uvu";
import * as assert from "uvu/assert";
import { onError } from "../../src/tasks/on-error";
import { rejection, untilAborted } from "./support";

const boom = new Error("boom");
const fails = () => Promise.reject(boom);

test("the handler is given the error and the context; an Error that it returns is thrown instead", async () => {
  const better = new Error("better", { cause: boom });
  const handled: unknown[] = [];
  const task = onError(fails, (error, { name }) => {
    handled.push(error, name);
    return better;
  });
  assert.is(await rejection(task({ name: "poll" })), better);
  assert.equal(handled, [boom, "poll"]);
});

test("anything else that the handler returns becomes the result", async () => {
  assert.is(await onError(fails, () => undefined)(), undefined);
  assert.is(await onError(fails, () => Promise.resolve(42))(), 42);
});

test("what the handler throws is thrown", async () => {
  const worse = new Error("worse");
  assert.is(await rejection(onError(fails, () => Promise.reject(worse))()), worse);
});

test("it is not called for success", async () => {
  let called = false;
  assert.is(
    await onError(
      () => 42,
      () => (called = true),
    )(),
    42,
  );
  assert.not.ok(called);
});

test("it is not called for an abort, which is thrown on; it is for an error that wraps one", async () => {
  const signal = AbortSignal.abort("enough");
  let called = 0;
  const count = () => (called += 1);
  assert.is(await rejection(onError(untilAborted, count)({ signal })), "enough");
  assert.is(called, 0);
  const wraps = () => Promise.reject(new Error("half written", { cause: signal.reason }));
  await onError(wraps, count)({ signal });
  assert.is(called, 1);
});

test("a handler that is no function is refused", () => {
  assert.throws(() => onError(fails, undefined as never), /^onError: handler: expected a function/);
});

test.run();
