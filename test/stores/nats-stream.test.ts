import { OstinatoError, systemClock, type Clock } from "ostinato";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NatsBucket } from "../../src/stores/nats-bucket";
import { NoAnswer } from "../../src/stores/nats-errors";
import type { NatsLink } from "../../src/stores/nats-link";
import { parseNatsOptions } from "../../src/stores/nats-options";

/** A link to a server whose answers the test gives, one by one. */
function linkOf(clock: Clock = systemClock) {
  const answers: ((info: object) => void)[] = [];
  const link = {
    settings: parseNatsOptions({ servers: "nats://127.0.0.1:1" }, clock),
    serverVersion: "2.15.1",
    ready: () => Promise.resolve(),
    onReturn: () => () => undefined,
    api: () => new Promise((resolve) => answers.push(resolve)),
  };
  return { link: link as unknown as NatsLink, answers };
}

const infoOf = (created: string) => ({
  created,
  state: { last_seq: 0, last_ts: created },
  config: {
    ...{ name: "KV_ostinato_m", subjects: ["$KV.ostinato_m.>"], retention: "limits", storage: "file" },
    ...{ max_msgs_per_subject: 1, max_age: 0, discard: "new", allow_rollup_hdrs: true, num_replicas: 1 },
  },
});

test("what was learned of a stream before it was forgotten is not kept", async () => {
  const { link, answers } = linkOf();
  const bucket = new NatsBucket(link, "m");
  const before = bucket.ready();
  await Promise.resolve();
  await Promise.resolve();
  bucket.forget();
  const after = bucket.ready();
  await Promise.resolve();
  await Promise.resolve();
  assert.is(answers.length, 2, "it is asked for again");
  answers[1]?.(infoOf("2026-01-02T00:00:00Z"));
  assert.is((await after).created, "2026-01-02T00:00:00Z");
  answers[0]?.(infoOf("2026-01-01T00:00:00Z"));
  await before;
  assert.is((await bucket.ready()).created, "2026-01-02T00:00:00Z");
});

test("what a stream is is asked again when the server let the question fall", async () => {
  const clock = virtualClock();
  const { link, answers } = linkOf(clock);
  const bucket = new NatsBucket(link, "m");
  const ready = bucket.ready();
  await clock.advance(link.settings.requestTimeout / 2);
  assert.is(answers.length, 3, "once more for each quarter of the time that an answer may take");
  answers[1]?.(infoOf("2026-01-01T00:00:00Z"));
  assert.is((await ready).created, "2026-01-01T00:00:00Z");
  await clock.advance(link.settings.requestTimeout);
  assert.is(answers.length, 3, "and not after it was answered");
});

test("where nobody says what a stream is, nothing was changed", async () => {
  const { link } = linkOf();
  link.api = () => Promise.reject(new NoAnswer("unanswered", "no answer"));
  const error = await new NatsBucket(link, "m").ready().catch((thrown: unknown) => thrown as OstinatoError);
  assert.ok(error instanceof OstinatoError);
  assert.is(error.code, "ERR_STORE_UNAVAILABLE");
  assert.match(error.message, /KV_ostinato_m: no answer; nothing was changed/);
});

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};
const gone = { error: { code: 404, err_code: 10059, description: "stream not found" } };

test("a stream that an old server still deletes is not made again meanwhile", async () => {
  for (const serverVersion of ["2.9.10", "2.15.1"]) {
    const clock = virtualClock();
    const { link, answers } = linkOf(clock);
    Object.assign(link, { serverVersion });
    const asked: string[] = [];
    const { api } = link;
    link.api = (action: string) => {
      asked.push(action.split(".")[1] ?? "");
      return api.call(link, action) as never;
    };
    const bucket = new NatsBucket(link, "m");
    const first = bucket.ready();
    await settle();
    answers[0]?.(infoOf("2026-01-01T00:00:00Z"));
    await first;
    bucket.forget();
    const ready = bucket.ready();
    await settle();
    answers[1]?.(gone);
    await settle();
    if (serverVersion === "2.9.10") {
      assert.equal(asked, ["INFO", "INFO"]);
      await clock.advance("1s");
      assert.equal(asked, ["INFO", "INFO", "INFO"]);
      answers[2]?.(gone);
      await settle();
    }
    assert.is(asked.at(-1), "CREATE");
    answers.at(-1)?.(infoOf("2026-01-02T00:00:00Z"));
    assert.is((await ready).created, "2026-01-02T00:00:00Z");
  }
});

test("a stream that the server has not finished making for another process is waited for", async () => {
  const clock = virtualClock();
  const { link, answers } = linkOf(clock);
  const ready = new NatsBucket(link, "m").ready();
  await settle();
  answers[0]?.(gone);
  await settle();
  answers[1]?.(infoOf("0001-01-01T00:00:00Z"));
  await settle();
  answers[2]?.(infoOf("0001-01-01T00:00:00Z"));
  await clock.advance("50ms");
  answers[3]?.(infoOf("2026-01-02T00:00:00Z"));
  assert.is((await ready).created, "2026-01-02T00:00:00Z");
});

test.run();
