import { test } from "uvu";
import * as assert from "uvu/assert";
import { virtualClock } from "ostinato/testing";
import { NatsIntakeReplies } from "../../src/stores/nats-intake-replies";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Replies on a virtual clock, and what they send: "SUBJECT ANSWER". */
function answering() {
  const clock = virtualClock();
  const sent: string[] = [];
  return { clock, sent, replies: new NatsIntakeReplies(clock, (reply, text) => sent.push(`${reply} ${text}`)) };
}

test("a reply subject is remembered for 30 seconds", async () => {
  const { clock, replies, sent } = answering();
  replies.hear("assign", bytes("x"), "early");
  await clock.advance("20s");
  replies.hear("assign", bytes("x"), "late");
  await clock.advance("11s");
  replies.answer("assign", bytes("x"), "a");
  assert.equal(sent, ["late a"]);
});

test("a request that is repeated is answered, although its first message was lost or was answered late", async () => {
  const { clock, replies, sent } = answering();
  replies.hear("assign", bytes("lost"), "lost 1");
  await clock.advance("2s");
  for (let attempt = 2; attempt < 5; attempt += 1) {
    replies.hear("assign", bytes("lost"), `lost ${String(attempt)}`);
    replies.answer("assign", bytes("lost"), "a");
    await clock.advance("2s");
  }
  replies.hear("assign", bytes("slow"), "slow 1");
  await clock.advance("2s");
  replies.hear("assign", bytes("slow"), "slow 2");
  replies.answer("assign", bytes("slow"), "b");
  assert.equal(sent, ["lost 1 a", "lost 2 a", "lost 3 a", "lost 4 a", "slow 1 b", "slow 2 b"]);
});

test("of requests that never stop asking the same, none waits for long", async () => {
  const { clock, replies, sent } = answering();
  for (let index = 0; index < 1_000; index += 1) {
    replies.hear("assign", bytes("x"), String(index));
    if (index > 10) replies.answer("assign", bytes("x"), "a");
    await clock.advance("100ms");
  }
  assert.equal(
    sent,
    Array.from({ length: 1_000 }, (_, index) => `${String(index)} a`),
  );
});

test("the answer to a message whose request has been answered is kept for nobody", async () => {
  const { clock, replies, sent } = answering();
  for (const reply of ["1", "2", "3"]) replies.hear("assign", bytes("x"), reply);
  for (const text of ["a", "b", "c"]) replies.answer("assign", bytes("x"), text);
  replies.hear("assign", bytes("x"), "after a removal, and its message is lost");
  assert.equal(sent, ["1 a", "2 a", "3 a"]);
  await clock.advance("10s");
  replies.answer("assign", bytes("y"), "d");
  replies.hear("assign", bytes("y"), "heard late");
  assert.equal(sent.at(-1), "heard late d");
});

test("an answer that comes before its request is heard waits a second for it, and only for its kind and content", async () => {
  const { clock, replies, sent } = answering();
  replies.answer("assign", bytes("x"), "a");
  replies.hear("remove", bytes("x"), "1");
  replies.hear("assign", bytes("y"), "2");
  replies.hear("assign", bytes("x"), "3");
  assert.equal(sent, ["3 a"]);
  replies.answer("assign", bytes("z"), "b");
  await clock.advance("2s");
  replies.hear("assign", bytes("z"), "4");
  assert.equal(sent, ["3 a"]);
  replies.answer("assign", bytes("z"), "c");
  assert.equal(sent, ["3 a", "4 c"]);
});

test("of too many requests the oldest are forgotten", () => {
  const { replies, sent } = answering();
  for (let index = 0; index <= 20_000; index += 1) replies.hear("assign", bytes("x"), String(index));
  replies.answer("assign", bytes("x"), "a");
  assert.equal([sent.length, sent[0], sent.at(-1)], [20_000, "1 a", "20000 a"]);
  sent.length = 0;
  const large = new Uint8Array(20 * 1024 * 1024);
  replies.hear("remove", large, "first");
  replies.hear("remove", large, "second");
  replies.answer("remove", large, "b");
  assert.equal(sent, ["second b"]);
});

test.run();
