import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NatsLink } from "../../src/stores/nats-link";
import { NatsMarks } from "../../src/stores/nats-marks";

const text = (value: string): string => Buffer.from(value).toString("base64");
const mark = { hdrs: text("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n") };
const record = { data: text("{}") };

/** A stream as the requests of its marks see it: what it holds by number, and what was removed. */
function stream(messages: Record<number, object>) {
  const clock = virtualClock();
  const removed: number[] = [];
  const api = (action: string, { seq }: { seq: number }): Promise<object> => {
    if (action === "STREAM.MSG.DELETE.KV_m") removed.push(seq);
    return Promise.resolve(messages[seq] === undefined ? { error: {} } : { message: { seq, ...messages[seq] } });
  };
  const link = { settings: { clock }, online: true, api } as unknown as NatsLink;
  return { clock, removed, marks: new NatsMarks(link, "KV_m") };
}

test("a mark is removed once its time is over, and nothing else that has its number", async () => {
  const { clock, removed, marks } = stream({ 1: mark, 2: record });
  for (const revision of [1, 2, 3]) marks.removeLater(revision);
  await clock.advance("1m");
  assert.equal(removed, []);
  await clock.advance("2m");
  assert.equal(removed, [1], "2 is a record of a stream that was made again, 3 is gone");
});

test("what is known of a stream goes with it", async () => {
  const { clock, removed, marks } = stream({ 1: mark });
  marks.remember(1);
  marks.removeLater(1);
  assert.ok(marks.has(1));
  marks.forget();
  assert.not.ok(marks.has(1));
  await clock.advance("5m");
  assert.equal(removed, []);
});

test.run();
