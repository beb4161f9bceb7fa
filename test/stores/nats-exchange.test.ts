import type { NatsConnection } from "nats";
import { virtualClock } from "ostinato/testing";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NoAnswer } from "../../src/stores/nats-errors";
import { NatsExchange } from "../../src/stores/nats-exchange";

function exchangeOver(publish: () => void): NatsExchange {
  const connection = { publish, subscribe: () => ({ unsubscribe: () => undefined }), isClosed: () => false };
  return new NatsExchange(connection as unknown as NatsConnection, virtualClock(), 1_000, 10, "inbox");
}

const silenceOf = (request: Promise<unknown>): Promise<unknown> =>
  request.then(
    () => "an answer",
    (error: unknown) => (error as NoAnswer).silence,
  );

test("closing does not wait for the answer to a request that could not be sent", async () => {
  const broken = exchangeOver(() => {
    throw new Error("the connection is closed");
  });
  const request = silenceOf(broken.request("a"));
  await broken.close("closed");
  assert.is(await request, "not sent");

  const suspended = exchangeOver(() => undefined);
  suspended.suspend("the connection was lost");
  const later = silenceOf(suspended.request("a"));
  await suspended.close("closed");
  assert.is(await later, "not sent");
});

test.run();
